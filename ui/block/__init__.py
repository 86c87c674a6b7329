"""What the page inside a block alone needs."""
