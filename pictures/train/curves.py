"""The curves of a training run: its loss, its scores, and how long its gradients are."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from core.train.training_run import APPEARED, History, TrainingRun, Watch
from pictures import extremes
from pictures.compute import Picture
from pictures.explained.runs import FORMER
from pictures.numbers import Steps
from pictures.train.view import View
from pictures.words import Words
from plots.training_curves import Curve, thinned, training_curves

HEIGHT = 290  # px: a chart
SQUARE = 400  # px: the norms, and beside them the map and the embeddings
PARTS = ("embed", "encoder.blocks", "encoder.unembed", "blocks", "unembed")  # of a model, whose gradients are measured
HALF = 0.006  # of the steps: half the width of a column's outline
LEAST_STEPS = 10  # that an axis shows
SMOOTH = 0.02  # of the steps so far: over so many the training loss is averaged


def loss(view: View, words: Words) -> Picture:
    """The loss on what is trained on and on what never is; of the run before, too."""
    run = view.run
    lines = _losses(view.former, (), words, True) if view.former else []
    lines += _losses(run, _now(view), words, False)
    names = ["loss_mean.logits", "loss_unseen.logits"]
    watch = view.watch
    uniform = float(np.log(run.config.vocab_size))
    says = lost(view, words) or words(
        "train.says.loss", step=watch.step, loss=watch.loss, uniform=uniform, n=run.config.vocab_size
    )
    if view.former and isfinite(watch.loss):
        best, other = (min(w.loss for w in each.watches) for each in (run, view.former))
        best = min(best, watch.loss)
        says += " " + words("train.says.former", best=best, other=other)
    named = [f"{start}{name}" for start, each in _laid(view) for name in names[not len(each.losses) :]]
    return Picture(_curves(lines, view.step, "loss", says, words), says, _numbers(named, lines))


def lost(view: View, words: Words) -> str:
    """That nothing can be measured where a step was so long that its weights give no numbers any more; else ""."""
    return "" if isfinite(view.watch.loss) else words("train.says.lost", step=view.watch.step)


def _laid(view: View) -> list[tuple[str, TrainingRun | History]]:
    """The runs that are drawn, the one before first, and how the names of their numbers begin."""
    return [*([(FORMER, view.former)] if view.former else []), ("", view.run)]


def _numbers(names: Sequence[str], lines: Sequence[Curve]) -> Steps:
    """Which number each point is: of this name, a line each, at its step."""
    each = zip(names, lines, strict=True)
    numbers = tuple(tuple((name, (int(x),)) for x in line.x[thinned(len(line.x))]) for name, line in each)
    last = max([LEAST_STEPS, *(int(line.x[-1]) for line in lines if len(line.x))])
    return Steps(numbers, last * HALF)


def _curves(
    lines: list[Curve],
    moment: int,
    measure: str,
    says: str,
    words: Words,
    log: bool = False,
    top: float | None = None,
) -> dict[str, Any]:
    """Lines over the steps, of what `measure` names."""
    return training_curves(
        lines,
        moment=moment,
        log=log,
        top=top,
        step_title=words("train.axis.step"),
        value_title=words(f"train.axis.{measure}"),
        height=SQUARE if log else HEIGHT,
        alt=says,
    )


def _losses(run: TrainingRun | History, now: Sequence[Watch], words: Words, faint: bool) -> list[Curve]:
    """On what is trained on, and on what is held out; a former run has one name for both, in the same colours."""
    watched = np.array([(w.step, w.loss) for w in (*run.watches, *now)])
    taken = _averaged(np.array(run.losses))
    names = (words("train.line.former"), "") if faint else (words("train.line.train"), words("train.line.held_out"))
    trained = Curve(np.arange(len(taken)), taken, names[0], "@residual", faint)
    held_out = Curve(watched[:, 0], watched[:, 1], names[1], "@gradient", faint)
    return [trained, held_out] if len(taken) else [held_out]


def _now(view: View) -> list[Watch]:
    """How the run stands, where that is later than it was last watched: so its lines reach to where it stands."""
    return [view.watch] if view.watch.step > view.run.watches[-1].step else []


def _averaged(values: np.ndarray) -> np.ndarray:
    """[step] -> [step]: each the mean of a window that ends there and grows with the run: a batch's loss is noisy."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - window(len(values)), 0)
    return (sums[ends] - sums[begins]) / (ends - begins)


def window(n: int) -> int:
    """Over how many of n steps a value of each is averaged."""
    return max(1, round(SMOOTH * n))


def title(name: str, view: View, words: Words) -> str:
    """What stands over a picture: of the scores, whether an induction head is looked for at all."""
    runs = [run for run in (view.run, view.former) if run]
    alone = all(np.isnan(watch.induction) for run in runs for watch in run.watches)
    return words("train.accuracy" if name == "scores" and alone else f"train.{name}")


def scores(view: View, words: Words) -> Picture:
    """Accuracy on held-out data, and the highest induction score of any head."""
    run, watch = view.run, view.watch
    lines, named = [], []
    for start, each in _laid(view):
        faint, now = bool(start), [] if start else _now(view)
        watches = (*each.watches, *now)
        steps = np.array([w.step for w in watches])
        accuracy, induction = (np.array([getattr(w, field) for w in watches]) for field in ("accuracy", "induction"))
        names = [words(f"train.line.{name}") for name in (("former",) if faint else ("accuracy", "induction"))]
        lines.append(Curve(steps, accuracy, names[0], "@value", faint))
        named.append(f"{start}accuracy.logits")
        if not np.isnan(induction).all():
            lines.append(Curve(steps, induction, "" if faint else names[1], "@attention", faint, dash="dash"))
            named.append(f"{start}induction.logits")
    if not (says := lost(view, words)):
        says = words("train.says.accuracy", accuracy=watch.accuracy)
        says += "" if run.config.n_encoder_layers else " " + _induction(run, watch, words)
    return Picture(_curves(lines, view.step, "share", says, words, top=1), says, _numbers(named, lines))


def _induction(run: TrainingRun, watch: Watch, words: Words) -> str:
    found = next((w for w in (run.appeared, watch) if w and w.step <= watch.step and w.induction >= APPEARED), None)
    if found:
        return words("train.says.appeared", step=found.step, layer=found.head[0], head=found.head[1])
    if run.config.n_layers < 2 or np.isnan(watch.induction):
        return words("train.says.no_induction")
    return words("train.says.not_yet", score=watch.induction, appeared=APPEARED)


def norms(view: View, words: Words) -> Picture:
    """How long the gradients of each part of the model are."""
    run = view.run
    if not run.step:
        says = words("train.says.no_norms")
        return Picture(_curves([], 0, "norm", says, words, log=True), says)
    parts = sorted(run.norms, key=_order)
    lines = [
        Curve(
            np.arange(len(run.norms[part])), _averaged(np.array(run.norms[part])), part_name(part, words), _role(part)
        )
        for part in parts
    ]
    at = min(view.step, run.step - 1)
    now = {part: float(run.norms[part][at]) for part in parts}
    says = _longest(now, at, words)
    numbers = _numbers([f"norm_mean.{part}" for part in parts], lines)
    return Picture(_curves(lines, view.step, "norm", says, words, log=True), says, numbers)


def _order(part: str) -> tuple[int, int]:
    first, _, number = part.rpartition(".")
    if not number.isdigit():
        first, number = part, "0"
    return PARTS.index(first), int(number)


def _role(part: str) -> str:
    """The colour of a part: embeddings ask, the output is asked, and each layer has one of its own."""
    kind, number = _order(part)
    return ("@query", f"@head{9 + number}", "@value", f"@head{3 + number}", "@key")[kind]


def part_name(part: str, words: Words) -> str:
    """What a part of the model is called whose gradients are measured."""
    kind, number = _order(part)
    name = PARTS[kind].replace(".", "_")
    return words(f"train.part.{name}", n=number) if name.endswith("blocks") else words(f"train.part.{name}")


def _longest(lengths: dict[str, float], step: int, words: Words) -> str:
    """Which part's gradients [part] are longest and which shortest."""
    parts, values = [*lengths], np.array([*lengths.values()])
    if not np.isfinite(values).any():
        return words("train.says.norms_lost", step=step)
    longest, shortest = (f(values, lambda x: power(x, words)) for f in (extremes.greatest, extremes.least))
    if longest.everywhere:
        return words("train.says.norms_alike", step=step, high=power(longest.value, words))
    most, least = (
        words.several([words("quoted", token=part_name(parts[i], words)) for i in found.indices])
        for found in (longest, shortest)
    )
    ends = {"high": power(longest.value, words), "low": power(shortest.value, words)}
    return words("train.says.norms", step=step, most=most, least=least, **ends)


def power(value: float, words: Words) -> str:
    """A number as a reader writes it: 0.0123, or 3.1 × 10⁻⁸ where it is small."""
    return words.scaled(value, 4, 1e-3, 1e5)
