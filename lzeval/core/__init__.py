"""Rules, records and file formats: numpy, numba and sgfmill only."""
