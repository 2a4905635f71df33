"""Admin calls: look into a world, change it, make it misbehave."""
