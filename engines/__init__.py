"""What plays: search, network evaluation, and GTP in both directions."""
