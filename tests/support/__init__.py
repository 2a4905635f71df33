"""What tests share: the servers, a private stack for each test, patience."""
