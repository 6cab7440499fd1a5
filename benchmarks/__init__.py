"""Measurements of speed and memory; README.md says how to run and read them."""
