"""Our own engine: a network, a search and one game, and when it stops to think."""
