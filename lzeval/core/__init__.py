"""Rules, records and file formats; no torch, and nothing that plays."""
