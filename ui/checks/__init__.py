"""Questions on every page: what is asked now, and what can be."""
