"""Falcosidekick's configuration, in every form that people use."""
