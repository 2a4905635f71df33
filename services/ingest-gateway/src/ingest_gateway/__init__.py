"""The door: accounts, uploads, jobs, live progress."""
