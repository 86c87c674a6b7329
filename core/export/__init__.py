"""A Scene turned into what a reader takes home: a program, a notebook, a table."""

from .lens import FILE as LENS_FILE
from .lens import refused, transformer_lens
from .moodle import moodle_xml
from .notebook import notebook, script
from .program import WEIGHTS_FILE, Program, lies_beside, program
from .quiz import Question, gift, read_gift
from .table import archive, table

__all__ = [
    "LENS_FILE",
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
    "refused",
    "script",
    "table",
    "transformer_lens",
]
