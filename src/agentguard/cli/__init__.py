"""The command line. Commands print what the rest of the library knows; they decide nothing."""

from agentguard.cli.app import main

__all__ = ("main",)
