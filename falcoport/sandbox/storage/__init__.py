"""What a sandbox keeps: one SQLite database, and what Port checks before anything changes."""
