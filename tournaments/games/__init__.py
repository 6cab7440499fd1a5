"""One game: its players, its clock, its faults, and who has won."""
