"""Plans: who plays whom under which conditions, in which order, and until when."""
