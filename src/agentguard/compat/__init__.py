"""Other libraries' names on agentguard: one module for each, to be imported in the place of the original."""
