"""Two students that can be asked in several styles: which student and style to ask, and what a choice is
worth."""
