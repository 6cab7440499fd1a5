"""Other machines, reached through Ray: their nodes, the files they need, and tasks that they do."""
