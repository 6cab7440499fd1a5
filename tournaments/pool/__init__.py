"""Rating pools: networks and their games in one file, and what to play next."""
