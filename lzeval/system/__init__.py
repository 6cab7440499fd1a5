"""The machine and its disk: files written whole, locks, archives, the cache, what there is of memory and cores."""
