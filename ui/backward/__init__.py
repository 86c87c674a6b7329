"""What the page of the gradient alone needs."""
