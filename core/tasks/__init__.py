"""What to train on. Each task has a vocabulary, a Config to begin with, and batches of two splits that never meet."""

from .algorithms import Addition, Copy, Repeat, Reverse, Sort
from .bilingual import Pair, pair
from .stories import Stories, agreement, agreements, story
from .task import Task, evaluate
from .text import Characters
from .translation import Translation

# Those that need no text; Characters takes one.
TASKS: dict[str, type[Task]] = {task.name: task for task in (Copy, Reverse, Sort, Repeat, Addition, Stories)}
# Those whose rows have a source beside them, for an encoder to read.
SOURCED: dict[str, type[Task]] = {Translation.name: Translation}

__all__ = [
    "SOURCED",
    "TASKS",
    "Addition",
    "Characters",
    "Copy",
    "Pair",
    "Repeat",
    "Reverse",
    "Sort",
    "Stories",
    "Task",
    "Translation",
    "agreement",
    "agreements",
    "evaluate",
    "pair",
    "story",
]
