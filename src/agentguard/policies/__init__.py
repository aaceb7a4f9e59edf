"""Decisions without waiting, clocks, locks or I/O: time is an argument, and the caller holds the lock."""
