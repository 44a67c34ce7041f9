"""What every package of stages may import; it imports none of them."""
