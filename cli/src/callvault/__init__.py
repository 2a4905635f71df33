"""The callvault command."""
