"""Writing on: the loop, the draw of a token, and the cache of keys and values."""
