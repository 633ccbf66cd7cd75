"""Actions that run: what starts them, what they do, and what became of each run."""
