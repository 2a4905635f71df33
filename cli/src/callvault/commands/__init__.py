"""The subcommands of `callvault`, one module each."""
