"""What the Train page alone needs: the run of a session, its knobs, and what it may hold of the server."""
