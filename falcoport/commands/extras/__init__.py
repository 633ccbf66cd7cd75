"""What `setup --with …` adds to a set-up: what people see, and who is told. One file per extra."""
