"""What Reading heads alone needs."""
