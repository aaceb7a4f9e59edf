"""Where spans end up: one file per kind of store, strangers to each other."""
