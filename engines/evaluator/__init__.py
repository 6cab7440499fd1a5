"""From a network to answers about positions, on whatever hardware there is."""
