"""What answers cost: prices, bounds on money and requests, token counts, and an estimate before anything is
bought."""
