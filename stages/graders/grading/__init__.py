"""From responses to traces: the table of answer kinds, graders applied to rows, and the counts."""
