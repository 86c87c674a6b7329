"""What pictures of fibres alone need."""
