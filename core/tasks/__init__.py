"""What to train on. Each task has a vocabulary, a Config to begin with, and batches of two splits that never meet."""

from .algorithms import Addition, Copy, Repeat, Reverse, Sort
from .stories import Stories, agreement, agreements, story
from .task import Task, evaluate
from .text import Characters

# Those that need no text; Characters takes one.
TASKS: dict[str, type[Task]] = {task.name: task for task in (Copy, Reverse, Sort, Repeat, Addition, Stories)}

__all__ = [
    "TASKS",
    "Addition",
    "Characters",
    "Copy",
    "Repeat",
    "Reverse",
    "Sort",
    "Stories",
    "Task",
    "agreement",
    "agreements",
    "evaluate",
    "story",
]
