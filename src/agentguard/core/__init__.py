"""The engine: what passes through every layer, and how it is run."""
