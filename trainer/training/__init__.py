"""One training run: the step, what watches it, and how it goes on after an interruption."""
