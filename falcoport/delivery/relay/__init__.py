"""The consumer of a queue between Falcosidekick and Port: it holds nothing, the queue does."""
