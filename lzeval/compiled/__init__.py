"""Compiled code: numba with this project's settings, and bases of vectors and convolutions."""
