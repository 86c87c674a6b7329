"""A run of training at one moment, as pictures need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from core import Scene, Trace, forward, limits
from core.params import Params
from core.train.batch import Batch
from core.train.training_run import History, TrainingRun, Watch

EXAMPLES = 8  # held-out rows among which one in the reader's language is looked for


class Played(Protocol):
    """How a reader has the run go on."""

    former: History | None  # of the run before it on the same task
    playing: bool


@dataclass
class View:
    """A run at one moment, as pictures need it."""

    training: Played
    run: TrainingRun
    scene: Scene
    step: int
    params: Params
    lang: str = "en"

    @property
    def former(self) -> History | None:
        return self.training.former if self.scene.train_overlay else None

    @cached_property
    def watch(self) -> Watch:
        """How the run stood at this step; while it plays, when it was last watched: a look takes a while."""
        if self.training.playing:
            return max((w for w in self.run.watches if w.step <= self.step), key=lambda w: w.step)
        return self.run.watch(self.step, self.params)

    @property
    def stamp(self) -> tuple:
        """All that the pictures depend on: equal stamps, equal pictures."""
        run, playing = self.run, self.training.playing
        laid = self.former is not None
        return (id(run), run.step, len(run.watches), self.step, *self.place, laid, playing)

    @property
    def place(self) -> tuple[int, int]:
        """The chosen layer and head, inside the model."""
        config = self.run.config
        return min(self.scene.layer, config.n_layers - 1), min(self.scene.head, config.n_heads - 1)

    @cached_property
    def row(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ids, targets and mask [pos] of the example, which is never trained on; of a text, its beginning."""
        batch, chosen = self._chosen
        ids, targets, mask = batch
        mask = np.ones_like(ids, bool) if mask is None else mask
        n = limits.SHOWN if mask.all() else ids.shape[1]
        n = n if batch.source is None else int(mask[chosen].sum())
        return ids[chosen, :n], targets[chosen, :n], mask[chosen, :n]

    @cached_property
    def _chosen(self) -> tuple[Batch, int]:
        """Rows that are never trained on, and which of them is the example."""
        batch = self.run.task.batch(0, EXAMPLES, held_out=True)
        spoken = (i for i, row in enumerate(batch.ids) if self.run.task.speaks(row, self.lang))
        return batch, next(spoken, 0)

    @cached_property
    def source(self) -> np.ndarray | None:
        """[pos]: what the encoder reads of the example, where there is one."""
        batch, chosen = self._chosen
        if batch.source is None:
            return None
        source = batch.source[chosen]
        return source if batch.source_mask is None else source[batch.source_mask[chosen]]

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        return self.run.task.read(self.row[0])

    @cached_property
    def trace(self) -> Trace:
        return forward(self.params, self.run.config, self.row[0], source=self.source)
