"""The commands: doors that read options, call the house and hand results to the output."""
