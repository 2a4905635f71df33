"""Resumable uploads by tus 1.0: a file comes in by several requests, and is looked at when it is whole."""
