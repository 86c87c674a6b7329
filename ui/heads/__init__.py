"""What the page of all heads alone needs."""
