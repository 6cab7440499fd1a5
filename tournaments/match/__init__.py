"""A match between two players, networks or programs."""
