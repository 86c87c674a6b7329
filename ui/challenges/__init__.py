"""Challenges: what is altered, the live score, and the solution afterwards."""
