"""Ratings: how strong players are by their games, how sure one may be, and when a match may stop."""
