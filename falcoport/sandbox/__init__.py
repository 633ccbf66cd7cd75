"""A local Port: the same paths, envelopes and limits, on loopback."""
