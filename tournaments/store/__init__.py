"""Files of a tournament: the log of its games, and what is made from it."""
