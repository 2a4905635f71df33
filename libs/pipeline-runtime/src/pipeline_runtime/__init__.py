"""What every service of the pipeline stands on."""
