"""What `ask` needs: the totals of the answers, and further tries for answers that are rejected."""
