"""A training run that is watched: it goes on for so long at a time, and all of it can be wound back."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from time import perf_counter

import numpy as np

from ..config import Config
from ..interpret import induction_score
from ..interpret.induction import PERIODS, patterns
from ..model import forward
from ..params import Params, init_params
from ..tasks import Task, evaluate
from .batch import Batch
from .loop import Checkpoints, Recipe, State, TrainingStep, train

SIZES = {
    "small": {"d_model": 32, "n_layers": 2, "n_heads": 2},
    "medium": {"d_model": 64, "n_layers": 2, "n_heads": 4},
    "large": {"d_model": 128, "n_layers": 4, "n_heads": 4},
}
FOREVER = 10**9  # steps
HELD_OUT_ROWS = 32
PROBES, PROBE_LENGTH = 8, 24  # rows of the induction probe, and tokens before they come again
# Watched after so many steps each: a look costs a fifth to a half of a step, so about a twelfth of the time goes into
# it. By steps, never by time: the same run has the same watches on every machine, however busy.
WATCHED = 5
SPARSE = 1.01  # a watch is so many times as late as the last one, at least: a long run has hundreds, not thousands
OPENING, OPENING_WORK = 20, 8e9  # steps that a page may take to have something to show, and their multiplications
APPEARED = 0.5  # the induction score from which a head is called one


@dataclass(frozen=True)
class Watch:
    """How a run stood after `step` steps, on data that it never trains on."""

    step: int
    loss: float
    accuracy: float
    induction: float  # the highest score of any head; NaN of a few tokens, or of room for a few, and of two stacks
    head: tuple[int, int]  # the one that has it: layer, head


@dataclass(frozen=True)
class History:
    """What is left of a run to lay under another: losses [step], and its watches."""

    losses: array
    watches: tuple[Watch, ...]


@dataclass
class TrainingRun:
    """A run of `task`, from parameters drawn with `seed`. rate and size may change on the way; nothing else may.

    losses, accuracies [step], and norms: part -> gradient norm [step], before each step; watches: along the run.
    """

    task: Task
    config: Config
    seed: int
    size: int  # rows a batch
    recipe: Recipe
    state: State
    checkpoints: Checkpoints = field(default_factory=lambda: Checkpoints(every=5))
    losses: array = field(default_factory=lambda: array("f"))
    accuracies: array = field(default_factory=lambda: array("f"))
    norms: dict[str, array] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)
    seconds: float = 0.0  # spent on steps
    tokens: int = 0  # trained on, padding left out
    broken: bool = False  # a number left the range of float32, and nothing can be learned any more

    @classmethod
    def start(cls, task: Task, config: Config, seed: int, size: int, rate: float) -> TrainingRun:
        """A run that has taken no step, and has been looked at."""
        recipe = Recipe(steps=FOREVER, rate=rate, warmup=20, weight_decay=0.01)
        run = cls(task, config, seed, size, recipe, State.start(init_params(config, seed)))
        run.checkpoints.offer(0, run.state.params)
        run.look()
        return run

    @property
    def step(self) -> int:
        """Steps taken."""
        return self.state.step

    @property
    def tokens_a_second(self) -> float:
        """Tokens trained on, a second of training; 0 before the first step."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def change(self, rate: float, size: int) -> None:
        """Go on with another learning rate and batch size."""
        self.recipe = replace(self.recipe, rate=rate)
        self.size = size

    def advance(self, seconds: float, steps: int = FOREVER) -> None:
        """Take steps until so much time has passed, or so many are taken: at least one, unless the run is broken."""
        if self.broken:
            return
        start = perf_counter()
        for taken, step in enumerate(train(self.state, self.config, self._batch, self.recipe), 1):
            self._note(step)
            if not self.broken and self.step % WATCHED == 0 and self.step >= SPARSE * self.watches[-1].step:
                self.look()
            if self.broken or taken >= steps or perf_counter() - start >= seconds:
                break
        self.seconds += perf_counter() - start

    def _batch(self, step: int) -> Batch:
        batch = self.task.batch(step, self.size, self.seed)
        read = batch.ids.size if batch.source is None or batch.mask is None else int(batch.mask.sum())
        self.tokens += read + (0 if batch.source_mask is None else int(batch.source_mask.sum()))
        return batch

    def _note(self, step: TrainingStep) -> None:
        self.losses.append(step.loss)
        self.accuracies.append(step.accuracy)
        for part, norm in step.norms.items():
            self.norms.setdefault(part, array("f")).append(norm)
        self.broken = not isfinite(step.loss) or not isfinite(step.grad_norm)
        if not self.broken:
            self.checkpoints.offer(step.number, self.state.params)

    # ------------------------------------------------------------------------------------------------ looking

    def look(self) -> None:
        """Watch the run as it stands."""
        if not self.watches or self.watches[-1].step != self.step:
            self.watches.append(self.watch(self.step, self.state.params))

    def watch(self, step: int, params: Params) -> Watch:
        """How the run stood after `step` steps, whose parameters are given; one that was seen then is found again."""
        if (seen := next((watch for watch in self.watches if watch.step == step), None)) is not None:
            return seen
        loss, accuracy = evaluate(params, self.config, self.held_out)
        return Watch(step, loss, accuracy, *self._induction(params))

    @cached_property
    def held_out(self) -> Batch:
        """What it is watched on, and never trains on."""
        return self.task.batch(0, HELD_OUT_ROWS, self.seed, held_out=True)

    @cached_property
    def probe(self) -> np.ndarray:
        """[probe, pos]: different tokens drawn at random, then the same once more."""
        length = min(self.config.n_ctx // 2, self.config.vocab_size, PROBE_LENGTH)
        rng = np.random.default_rng(0)
        rows = np.stack([rng.permutation(self.config.vocab_size)[:length] for _ in range(PROBES)])
        return np.concatenate([rows, rows], axis=1)

    def _induction(self, params: Params) -> tuple[float, tuple[int, int]]:
        if self.config.n_encoder_layers:  # its decoder foretells no text without a source
            return float("nan"), (0, 0)
        if self.probe.shape[1] < 2 * PERIODS[0]:  # of so few tokens any head looks much at what followed
            return float("nan"), (0, 0)
        trace = forward(params, self.config, self.probe, names=["blocks.*.attn.pattern"])
        scores = np.stack([induction_score(p, self.probe) for p in patterns(trace, self.config.n_layers)])
        if np.isnan(scores).all():
            return float("nan"), (0, 0)
        layer, head = np.unravel_index(np.argmax(scores), scores.shape)
        return float(scores[layer, head]), (int(layer), int(head))

    @property
    def appeared(self) -> Watch | None:
        """The first watch that found an induction head."""
        return next((watch for watch in self.watches if watch.induction >= APPEARED), None)

    # ------------------------------------------------------------------------------------------------ winding

    def at(self, moment: int | None) -> tuple[int, Params]:
        """The step and the parameters of the last checkpoint at or before `moment`; None: as they stand now."""
        if not self.broken and (moment is None or moment >= self.step):
            return self.step, self.state.params
        return self.checkpoints.at(self.step if moment is None else max(moment, 0))

    @property
    def history(self) -> History:
        """Its curves, as far as they go."""
        return History(array("f", self.losses), tuple(self.watches))

    @property
    def moments(self) -> list[int]:
        """The steps to which the run can be wound."""
        return sorted(self.checkpoints.kept if self.broken else {*self.checkpoints.kept, self.step})

    @property
    def nbytes(self) -> int:
        """What the run holds: parameters and AdamW's means, checkpoints, and the curves."""
        state = 3 * sum(p.nbytes for p in self.state.params.values())
        curves = sum(a.itemsize * len(a) for a in (self.losses, self.accuracies, *self.norms.values()))
        return state + self.checkpoints.nbytes + curves


def work(config: Config, size: int) -> float:
    """About how many multiplications and additions a step of `size` rows takes: six a parameter and token."""
    return 6.0 * config.n_parameters() * size * config.n_ctx


def opening(config: Config, size: int) -> int:
    """The step on which a page opens such a run: always the same, whatever the machine; 0 where steps are long."""
    return min(OPENING, int(OPENING_WORK / work(config, size)))


def sized(config: Config, size: str) -> Config:
    """A task's Config in one of SIZES, "" being its own. An MLP, where there is one, is four times as wide."""
    if not size:
        return config
    sizes = SIZES[size]
    return config.replace(**sizes, d_mlp=4 * sizes["d_model"] if config.d_mlp else 0)
