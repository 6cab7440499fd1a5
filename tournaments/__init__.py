"""Matches, their records and their verdict."""
