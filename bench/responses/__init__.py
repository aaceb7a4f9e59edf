"""A simulator of tools, healthy and broken, that measures what `ResponseProfile(learn=True)` flags."""
