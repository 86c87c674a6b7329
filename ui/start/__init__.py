"""What Start alone needs."""
