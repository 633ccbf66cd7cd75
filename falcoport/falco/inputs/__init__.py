"""The forms in which alerts are stored."""
