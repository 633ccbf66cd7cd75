"""Reading, planning, applying and verifying, for any kind of resource."""
