"""Players: search, network evaluation, and GTP in both directions."""
