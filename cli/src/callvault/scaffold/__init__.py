"""`callvault new-connector`: a folder to begin with."""
