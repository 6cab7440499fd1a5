"""Programs at the other end of pipes that speak GTP, each answer with a deadline."""
