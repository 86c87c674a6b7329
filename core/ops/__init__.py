"""The pieces of a Transformer, one file each: the forward, and its backward directly under it.

Every op works over trailing axes, so that a batch, or heads, or both, may stand in front.
"""
