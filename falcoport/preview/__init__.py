"""Real alerts through a mapping, without Port: what it would store, and what it would lose."""
