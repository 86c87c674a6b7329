"""A training run in pictures: its curves, the model at one of its steps, and the proof of its gradients."""
