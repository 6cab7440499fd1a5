"""Running many games: on how many slots, by which processes, shown how."""
