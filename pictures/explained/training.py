"""The run of training that Train shows, with all that it can be asked to explain, and the other runs of that page: what
the weights of each step that are kept made of its batch, of what is held out, of the probe, and of the example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache, partial

import numpy as np

from core import ConfigError, Trace, forward, limits
from core.config import Config
from core.explain.subject import Subject
from core.params import Params
from core.train.batch import Batch
from core.train.gradcheck import random_directions
from core.train.loop import step_bytes
from core.train.training_run import History, TrainingRun
from pictures.display_names import named
from pictures.explained import runs
from pictures.explained.checked import CHECK
from pictures.explained.naming import recorded
from pictures.explained.taught import Checked, Reading, Taught
from pictures.explained.world import World
from pictures.train import gradient_check, snapshot
from pictures.train.view import View
from pictures.words import Words

WEIGHT = "logits"  # what a check of the page's own weight is called after: any other name is a parameter's
KEPT = 2  # of the other runs, and of the checks, the last ones
ALIKE = 1e-3  # a loss that is computed again is the one that was noted, up to the rounding of its floats


def world(view: View, words: Words) -> World:
    """Of the example as the weights of the moment read it; with the run's own numbers by step."""
    ids, targets, mask = view.row
    subject = _subject(view.params, view.run.config, view.trace, targets, mask)
    listed = snapshot.ids(view)
    plain = _named(view, words, subject, ids, targets, view.source)
    taught = Taught(
        view.run.losses,
        view.run.norms,
        {watch.step: watch for watch in (*view.run.watches, view.watch)},
        Readings(view),
        checks(view),
    )
    plain = replace(plain, taught=taught, basis=cache(partial(snapshot.basis, view, listed)))
    return replace(plain, elsewhere=lru_cache(KEPT)(partial(_elsewhere, view, words, plain)))


def families(view: View) -> list[str]:
    """The arrays whose numbers Train can be asked for, those of every layer as one."""
    config, run = view.run.config, view.run
    own = ["loss_mean.logits"] if run.step else []
    own += ["loss_unseen.logits", "accuracy.logits"]
    own += [] if view.watch.induction != view.watch.induction else ["induction.logits"]
    own += [f"norm_mean.{part}" for part in run.norms]
    own += [
        "learned.embed.W_E",
        *(f"{name}.logits" for name in CHECK if name not in ("check_nudge", "check_resolution")),
    ]
    found = [name.format(i="*") for name in recorded(config)]
    if config.n_encoder_layers:
        found += [f"encoder.{name.format(i='*')}" for name in recorded(config.encoder)]
    return [*own, "cost.logits", *found]


def _elsewhere(view: View, words: Words, plain: World, start: str) -> World:
    """Raises: ConfigError for a run that is not kept."""
    gone = ConfigError(f"name: {start} is of a run that this page has not", "name")
    taught = plain.taught
    assert taught is not None and taught.checked is not None, "it is the page's"
    if start == runs.FORMER:
        if view.former is None:
            raise gone
        return replace(plain, taught=_of_history(view.former), elsewhere=None)
    if start == runs.EXACT:
        return replace(plain, subject=taught.checked(WEIGHT).exact(), elsewhere=None)
    what, step = start.partition(".")[0], (runs.numbers(start) or (0,))[0]
    names = [WEIGHT, *view.params]
    if what == runs.NUDGED and step < 2 * len(names):
        return replace(plain, subject=taught.checked(names[step // 2]).moved(step % 2).subject, elsewhere=None)
    if what == runs.AT and (params := _weights(view.run, step)) is not None:
        ids, targets, mask = view.row
        trace = forward(params, view.run.config, ids, source=view.source)
        return replace(plain, subject=_subject(params, view.run.config, trace, targets, mask), elsewhere=None)
    found = taught.reading(what, step) if what in (runs.TAKEN, runs.UNSEEN, runs.PROBED) else None
    if found is None:
        raise gone
    rows = cache(partial(_row, view, words, plain, _batch(view.run, what, step)))
    return replace(plain, subject=found.subject, elsewhere=None, rows=rows)


def _row(view: View, words: Words, plain: World, batch: Batch, row: int) -> World:
    """What stands in a row of a batch."""
    source = None if batch.source is None else batch.source[row]
    return _named(view, words, plain.subject, batch.ids[row], batch.targets[row], source)


def _named(
    view: View, words: Words, subject: Subject, ids: np.ndarray, targets: np.ndarray, source: np.ndarray | None
) -> World:
    """A World with the tokens of a text by their names."""
    vocabulary = view.run.task.vocabulary

    def called(token: int) -> str:
        return named(vocabulary[token], words)

    read, wrote = (tuple(map(called, tokens.tolist())) for tokens in (ids, targets))
    if source is None:
        return World(subject, read, called)
    return World(subject, tuple(map(called, source.tolist())), called, read=read, written=wrote)


def _subject(
    params: Params, config: Config, trace: Trace, targets: np.ndarray | None, mask: np.ndarray | None
) -> Subject:
    return Subject(params, config, trace, trace.ids, targets=targets, counts=mask)


def _weights(run: TrainingRun, step: int) -> Params | None:
    """Those after so many steps, where they are kept."""
    if step == run.step and not run.broken:
        return run.state.params
    return run.checkpoints.kept.get(step)


def _batch(run: TrainingRun, what: str, step: int) -> Batch:
    if what == runs.PROBED:
        return Batch(run.probe, run.probe)
    return run.held_out if what == runs.UNSEEN else run.task.batch(step, run.size, run.seed)


class Readings:
    """What the weights of a step made of a batch; the last one is kept, for each takes as much as a training step."""

    def __init__(self, view: View):
        self._view, self._kept = view, dict[tuple[str, int], Reading | None]()

    def __call__(self, what: str, step: int) -> Reading | None:
        if (what, step) not in self._kept:
            self._kept.clear()
            self._kept[what, step] = self._read(what, step)
        return self._kept[what, step]

    @property
    def nbytes(self) -> int:
        """Of the arrays that are kept, and of as many gradients."""
        found = [reading.subject.trace for reading in self._kept.values() if reading]
        return 2 * sum(trace[name].nbytes for trace in found for name in trace)

    def _read(self, what: str, step: int) -> Reading | None:
        """None where the weights of that step are not kept, a batch takes more than a step of training may, or the loss
        is not the one that was noted: then the run took another batch."""
        run = self._view.run
        if (params := _weights(run, step)) is None or (what == runs.TAKEN and step >= len(run.losses)):
            return None
        batch = _batch(run, what, step)
        n_source = 0 if batch.source is None else batch.source.shape[-1]
        if len(batch.ids) * step_bytes(run.config, batch.ids.shape[-1], n_source) > limits.STEP:
            return None
        targets, mask = (None, None) if what == runs.PROBED else (batch.targets, batch.mask)
        found = Reading(_subject(params, run.config, forward(params, run.config, **batch.inputs), targets, mask))
        if what == runs.TAKEN:
            loss = float(np.mean([found.costs[tuple(at)] for at in found.counted]))
            if not abs(loss - run.losses[step]) <= ALIKE * abs(loss):
                return None
        return found


def _of_history(history: History) -> Taught:
    """Of the run before, of which its curves alone are left."""
    watches = {watch.step: watch for watch in history.watches}
    return Taught(history.losses, {}, watches, lambda what, step: None)


def checks(view: View) -> Callable[[str], Checked]:
    """The gradient checks of the page: of its WEIGHT, or of a parameter along its random direction. In float64."""
    config, (ids, targets, mask) = view.run.config, view.row
    exact = {key: np.asarray(value, np.float64) for key, value in view.params.items()}
    order = [WEIGHT, *exact]

    def read(params: Params) -> Subject:
        return _subject(params, config, forward(params, config, ids, source=view.source), targets, mask)

    still = cache(lambda: read(exact))
    directions = cache(lambda: random_directions(view.params))

    @lru_cache(KEPT)
    def checked(of: str) -> Checked:
        if of not in order:
            raise ConfigError(f"name: {of} is no parameter of this model", "name")
        if of == WEIGHT:
            (name, index), found = gradient_check.chosen(view), gradient_check.of(view)
            direction = np.zeros_like(exact[name])
            direction[index] = 1
        else:
            name, index, direction = of, None, directions()[of]
            found = gradient_check.along(view, of, direction)

        @cache
        def moved(side: int) -> Reading:
            step = (-found.step, found.step)[side]
            return Reading(read(exact | {name: exact[name] + step * direction}))

        first = 2 * order.index(of)
        at = runs.at_step(runs.NUDGED, first), runs.at_step(runs.NUDGED, first + 1)
        return Checked(name, index, direction, found, at, moved, still)

    return checked
