"""Falco's and Falcosidekick's formats: what they print, forward and read. No I/O."""
