"""Training data: records and chunks into packed positions, and batches made of them."""
