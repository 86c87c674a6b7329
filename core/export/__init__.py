"""A Scene turned into what a reader takes home: a program, a notebook, a table."""

from .notebook import notebook, script
from .program import WEIGHTS_FILE, Program, lies_beside, program
from .table import archive, table

__all__ = ["WEIGHTS_FILE", "Program", "archive", "lies_beside", "notebook", "program", "script", "table"]
