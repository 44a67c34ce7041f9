"""What a person runs and DVC never does."""
