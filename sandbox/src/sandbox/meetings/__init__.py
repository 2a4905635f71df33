"""The sandbox's own calls: who spoke, what was said and when."""
