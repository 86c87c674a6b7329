"""A Scene turned into what a reader takes home: a program, a notebook, a table."""

from .program import WEIGHTS_FILE, Program, program

__all__ = ["WEIGHTS_FILE", "Program", "program"]
