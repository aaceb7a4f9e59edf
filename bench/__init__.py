"""What a guarded call costs. Run with `make bench`."""
