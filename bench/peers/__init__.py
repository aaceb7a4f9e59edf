"""One program per peer, in a file named after its package: it imports only the peer and measures what the peer offers.

To add one: write the file, name the package in it, and run `make lock-bench` for its pinned environment.
"""
