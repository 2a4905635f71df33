"""The page in a browser, over the whole stack."""
