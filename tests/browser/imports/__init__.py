"""Imports from the page: accounts, files and links, with the sandbox behind them and a gateway that is killed."""
