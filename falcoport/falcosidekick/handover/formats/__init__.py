"""The hand-over formats: one file each, a module as `interface.HandoverFormat` describes it."""
