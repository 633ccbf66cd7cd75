"""What falcoport knows of each kind of thing in Port; one file per kind."""
