"""Splits by id, and copies of test problems kept out of train."""
