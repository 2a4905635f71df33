"""The cases, a module for each subject. `steps` is what they have in common."""
