"""Reading and checking the YAML that says what must be in Port."""
