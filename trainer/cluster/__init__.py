"""Training on the nodes of a cluster: one run over several, and several runs side by side."""
