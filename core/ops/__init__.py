"""The pieces of a Transformer, one file each: the forward, and its backward directly under it.

Every op works over trailing axes, so that a batch, or heads, or both, may stand in front. Every docstring says the
shapes in one way, `x [..., d_in], W [d_in, d_out] -> y [..., d_out]`, and tests/test_docstrings.py tries them out.
"""
