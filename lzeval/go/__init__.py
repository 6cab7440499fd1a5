"""Go itself: the board, points, rules, handicap and openings."""
