"""What each command wants to be in Port, and what not: goals, built of manifests and options."""
