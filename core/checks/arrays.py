"""What a check's expression can read of a Scene: its trace, its parameters, and what core measures of it, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np

from ..errors import CheckError
from ..generate.sampling import Distribution
from ..interpret import head_effects, head_label, head_scores, key_effects, probe_induction
from ..interpret.heads import LABELS
from ..interpret.induction import patterns
from ..kinds import cut
from ..ops.loss import cross_entropy
from ..scene.continuation import Writing, write
from ..scene.run import Run, run
from ..scene.scene import Scene
from ..scene.translation import translate
from ..tasks import SOURCED, TASKS
from ..tasks.task import evaluate
from ..train.batch import Batch
from ..train.loop import train
from ..train.training_run import HELD_OUT_ROWS, TrainingRun, sized

STEPS = 200  # of training, at most: a page does as many in some seconds


class Arrays:
    """The arrays of one Scene. Each is computed when it is first read.

    Beside the trace's names and the parameters' there are those of MEASURES:

    ids [pos]; patterns [layer, head, query, key]; parameters, their number;
    loss: the mean cross-entropy in nats with which the sentence's own next tokens are foretold;
    labels [layer, head]: the place in LABELS of the name that a head has in this sentence, -1 for none;
    first [layer, head]: the mean weight that it gives to the first token, as core.interpret.head_scores counts it;
    head_effects [layer, head, pos], key_effects [key] of the chosen head and query: core.interpret.ablation;
    induction [layer, head]: the score of core.interpret.probe_induction, without the heads that are off;
    written [new]: the ids of the tokens that are written; next.plain, next.final [vocab]: the first one's
    probabilities, before and after temperature and cuts;
    translated [new]: the ids of the words that a model of two stacks writes for the sentence, nothing forced;
    training.loss, training.accuracy: on rows that are held out, after `train_step` steps of the Scene's own run.
    """

    def __init__(self, scene: Scene):
        self.scene = scene

    def read(self, name: str) -> Any:
        """The array of this name. Raises: CheckError where the Scene has none."""
        place = dict(zip(("layer", "head"), self.scene.place, strict=True))
        name = name.replace("{layer}", str(place["layer"])).replace("{last}", str(self.scene.config.n_layers - 1))
        if measure := MEASURES.get(name):
            return measure(self)
        for holds in (self.run.trace, self.run.params):
            if name in holds:
                return holds[name]
        raise CheckError(f"expression: the Scene has no array {cut(name, 60)!r}")

    @cached_property
    def run(self) -> Run:
        return run(self.scene)

    @cached_property
    def writing(self) -> Writing:
        return write(self.scene)

    @property
    def translated(self) -> np.ndarray:
        return np.array([step.token for step in translate(self.scene.computed).steps], np.int64)

    @property
    def lost_by_head(self) -> np.ndarray:
        return head_effects(self.run.params, self.run.config, self.run.trace)

    @property
    def lost_by_key(self) -> np.ndarray:
        run, (layer, head), (query, _) = self.run, self.scene.place, self.scene.cell
        return key_effects(run.params, run.config, run.trace, layer, head, query)

    @property
    def patterns(self) -> np.ndarray:
        return patterns(self.run.trace, self.run.config.n_layers)

    @property
    def scores(self) -> dict[str, np.ndarray]:
        return head_scores(self.patterns, self.run.tokens, self.run.config.causal)

    @property
    def labels(self) -> np.ndarray:
        scores = self.scores
        found = np.full(scores["first"].shape, -1)
        for place in np.ndindex(found.shape):
            label = head_label({name: float(score[place]) for name, score in scores.items()})
            found[place] = LABELS.index(label) if label else -1
        return found

    @property
    def loss(self) -> float:
        logits, ids = self.read("logits"), self.run.encoding.ids
        if len(ids) < 2:
            raise CheckError("expression: a sentence of one token foretells none of its own")
        return cross_entropy(logits[:-1], ids[1:])[0]

    @property
    def induction(self) -> np.ndarray:
        return probe_induction(self.run.params, self.run.config, self.scene.interventions)

    @property
    def first(self) -> Distribution:
        return self.writing.steps[0].distribution

    @property
    def training(self) -> tuple[float, float]:
        """(loss, accuracy) on held-out rows, after the steps that the Scene says."""
        scene = self.scene
        steps = min(scene.train_step or 0, STEPS)
        return _trained(scene.task, scene.train_size, scene.batch_size, scene.learning_rate, scene.train_seed, steps)


@lru_cache(maxsize=64)
def _trained(
    name: str, size: str, batch_size: int | None, rate: float | None, seed: int, steps: int
) -> tuple[float, float]:
    """(loss, accuracy) of a run of the page on training, after so many steps."""
    if name not in (tasks := TASKS | SOURCED):
        raise CheckError(f"expression: {name} is trained on a text of the reader's own")
    task = tasks[name]()
    rows = batch_size or task.size
    run = TrainingRun.start(task, sized(task.config, size), seed, rows, rate or task.rate)

    def batch(step: int) -> Batch:
        return task.batch(step, rows, seed)

    for _ in islice(train(run.state, run.config, batch, run.recipe), steps):
        pass
    return evaluate(run.state.params, run.config, task.batch(0, HELD_OUT_ROWS, seed, held_out=True))


MEASURES: dict[str, Callable[[Arrays], Any]] = {
    "ids": lambda arrays: arrays.scene.encoding.ids,
    "patterns": lambda arrays: arrays.patterns,
    "parameters": lambda arrays: arrays.scene.config.n_parameters(),
    "loss": lambda arrays: arrays.loss,
    "labels": lambda arrays: arrays.labels,
    "first": lambda arrays: arrays.scores["first"],
    "head_effects": lambda arrays: arrays.lost_by_head,
    "key_effects": lambda arrays: arrays.lost_by_key,
    "induction": lambda arrays: arrays.induction,
    "written": lambda arrays: np.array([step.token for step in arrays.writing.steps], np.int64),
    "translated": lambda arrays: arrays.translated,
    "next.plain": lambda arrays: arrays.first.plain,
    "next.final": lambda arrays: arrays.first.final,
    "training.loss": lambda arrays: arrays.training[0],
    "training.accuracy": lambda arrays: arrays.training[1],
}
