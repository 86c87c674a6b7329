"""The Scene: the one small value that a screen is a pure function of; its fields, its address, and how it is run."""

from .scene import Scene

__all__ = ["Scene"]
