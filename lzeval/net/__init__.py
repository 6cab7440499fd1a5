"""The network in PyTorch, and its way to and from files."""
