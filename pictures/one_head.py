"""The chosen head's part of a run: its slices of the arrays of attention, and which numbers they are."""

from __future__ import annotations

import numpy as np

from core import Run, Scene
from pictures import stacks
from pictures.numbers import COLUMN, ROW, Cells, cells


def input_name(scene: Scene) -> str:
    """The trace's name for what this layer's attention reads."""
    return stacks.looks(scene).reads


def rotated(scene: Scene, name: str) -> str:
    """q and k meet after the rotary positions have turned them, where both stand in one text."""
    turns = scene.config.positions == "rotary" and not stacks.looks(scene).crosses
    return f"rot_{name}" if turns and name in "qk" else name


def at_head(run: Run, scene: Scene, name: str) -> np.ndarray:
    """One head's slice of an attention array; grouped keys and values are shared by several heads."""
    x = run.trace[stacks.looks(scene).name(name)]
    return x[own_head(scene, x.shape[0])]


def own_head(scene: Scene, n: int) -> int:
    """Which of n heads' keys, or of as many groups that share theirs, is the chosen head's."""
    found = stacks.looks(scene)
    return found.place[1] * n // found.config.n_heads


def numbers_of(scene: Scene, name: str, x: np.ndarray) -> Cells:
    """Which number of the run each cell is, of the chosen head's slice x [row, column] of an array of attention."""
    found = stacks.looks(scene)
    head = own_head(scene, found.config.kv_heads if name in ("k", "rot_k", "v") else found.config.n_heads)
    return cells(found.name(name), (head, ROW, COLUMN), x.shape)
