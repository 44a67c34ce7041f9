"""What generated tasks share."""
