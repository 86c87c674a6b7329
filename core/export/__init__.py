"""A Scene turned into what a reader takes home: a program, a notebook, a table."""

from .moodle import moodle_xml
from .notebook import notebook, script
from .program import WEIGHTS_FILE, Program, lies_beside, program
from .quiz import Question, gift, read_gift
from .table import archive, table

__all__ = [
    "WEIGHTS_FILE",
    "Program",
    "Question",
    "archive",
    "gift",
    "lies_beside",
    "moodle_xml",
    "notebook",
    "program",
    "read_gift",
    "script",
    "table",
]
