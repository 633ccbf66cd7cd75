"""What Falcosidekick forwards, and how it is configured."""
