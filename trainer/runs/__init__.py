"""Training runs on disk: what they were, how they went, and how well their networks predict."""
