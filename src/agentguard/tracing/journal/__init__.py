"""The journal: what has been recorded is in a file of this process before the call's caller goes on."""
