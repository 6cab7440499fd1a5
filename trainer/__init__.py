"""From game records to checkpoints."""
