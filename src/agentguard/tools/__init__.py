"""What users hold: the decorator, the guarded tool, the session."""
