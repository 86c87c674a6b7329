"""What the Translate page alone needs."""
