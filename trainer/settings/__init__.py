"""Settings of a training run: composed, checked, kept."""
