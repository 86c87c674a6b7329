"""Learning: batches, AdamW and its loop, the check of a gradient, and a run that is watched and wound back."""
