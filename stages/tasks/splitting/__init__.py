"""Splits by id, and copies of held-out problems kept out of train."""
