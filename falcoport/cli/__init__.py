"""The command line: each module reads options, calls a use case and has its result shown."""
