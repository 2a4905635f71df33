"""What the product reaches on this machine, beside what the machine itself reaches."""
