"""Pages as they stand: their looks, their keys, their speed; the sources are asked for nothing."""
