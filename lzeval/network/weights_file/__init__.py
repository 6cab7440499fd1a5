"""Leela Zero's weights files: read, checked line by line, and written. No torch."""
