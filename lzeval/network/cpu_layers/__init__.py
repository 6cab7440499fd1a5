"""Layers for training on a CPU, faster than torch's own."""
