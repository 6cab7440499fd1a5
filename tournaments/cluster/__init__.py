"""Games on the nodes of a cluster, behind the runner's `Backend` protocol."""
