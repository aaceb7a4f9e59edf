"""Tools that run in worker processes, which can really be killed. Loaded by the first tool that asks for it."""
