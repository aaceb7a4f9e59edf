"""The built-in layers, one file each: async adapters over policies. They know nothing of each other."""
