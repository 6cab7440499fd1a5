"""What a tournament keeps on disk."""
