"""What generated tasks share: the drawing of different problems, words and levels."""
