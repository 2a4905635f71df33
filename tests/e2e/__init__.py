"""The whole stack, driven from outside."""
