"""A game record, reviewed by a network: what each move cost, and what would have been better."""
