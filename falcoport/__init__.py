"""falcoport wires Falco alerts into Port."""

__version__ = "0.1.0"
