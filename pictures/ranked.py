"""The heads in the order of what their ablation does: to the prediction after the last token, or, where the stack that
looks predicts nothing, to its output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np

from core import Scene
from pictures import ablation, continuation, reading, stacks
from pictures.compute import Picture, picture
from pictures.extremes import Extreme, greatest, head_names, percent, token_name
from pictures.numbers import Bars
from pictures.squares import nothing
from pictures.words import Words
from plots.differences import differences
from plots.tokens import edged

MOST = 12  # bars
ROUNDING = 1e-7  # a share that is moved by less than this is moved by float32's rounding
LITTLE = 0.0005  # a share that a decimal of its percents would write as 0.0
ROW, WIDTH = 27, 330  # px
ROOM = 1.3, 1.7  # for what is written behind the longest bar: a share; a share with a power of ten, or with a change


@dataclass(frozen=True)
class Ranks:
    """strength [layer, head], by which they are ordered: total variation, or how far the output moves. log_p
    [layer, head]: how the log-probability of the likeliest token changes; None where nothing is predicted."""

    strength: np.ndarray
    log_p: np.ndarray | None
    works: np.ndarray  # [layer, head]: which are on

    @property
    def order(self) -> list[tuple[int, int]]:
        """The heads that are on, the strongest first, of equals the first."""
        places = [(int(layer), int(head)) for layer, head in np.argwhere(self.works)]
        return sorted(places, key=lambda place: -self.strength[place])


def ranks(scene: Scene) -> Ranks:
    """All heads of the stack that looks."""
    found = stacks.looks(scene)
    each = ablation.of_all(scene)
    values = np.stack([one.moved.mean(-1)[None] if one.predicted is None else one.predicted for one in each], axis=1)
    works = np.ones(values.shape[1:], bool)
    for place in found.ablated:
        works[place] = False
    strength = np.where(np.abs(values[0]) < ROUNDING, 0.0, values[0])
    return Ranks(strength, values[1] if len(values) > 1 else None, works)


@picture("layer", "head", "attention_of")
def ranked(scene: Scene, words: Words) -> Picture:
    """The strongest heads, the first on top; a click on one opens it."""
    found, place = ranks(scene), stacks.looks(scene).place
    if not found.works.any():
        return nothing(words("reading.ranked.says.off"), WIDTH)
    if not np.isfinite(found.strength).all():
        finite = np.isfinite(reading.leaving(scene)).all() and found.log_p is None
        return nothing(words(f"reading.ranked.says.{'zero' if finite else 'lost'}"), WIDTH)
    listed = found.order[:MOST]
    says = _says(found, scene, words)
    figure = differences(
        np.array([found.strength[head] for head in listed]),
        [words("reading.ranked.head", layer=layer, head=head) for layer, head in listed],
        [_written(found, head, listed, words) for head in listed],
        roles=("@attention", "@attention"),
        signed=False,
        room=ROOM[_changes(found, listed) or bool(found.strength[listed[0]] < LITTLE)],
        chosen=listed.index(place) if place in listed else None,
        height=height(scene),
        alt=says,
    )
    return Picture(figure, says, _numbers(found, listed, scene))


def _shares(words: Words) -> Callable[[float], str]:
    """How a share is written, in percent: with a power of ten where a decimal is too coarse to tell bars apart."""
    return lambda share: words.scaled(100 * share, 1, small=100 * LITTLE, large=inf)


def _changes(found: Ranks, listed: list[tuple[int, int]]) -> bool:
    """Whether a change of the log-probability is written beside the bars: where any of them is more than 0.00."""
    return found.log_p is not None and any(round(float(found.log_p[place]), 2) for place in listed)


def _written(found: Ranks, place: tuple[int, int], listed: list[tuple[int, int]], words: Words) -> str:
    """Beside a bar: its size, and of a prediction how far the likeliest token's log-probability rises or falls."""
    share = f"{_shares(words)(float(found.strength[place]))}%"
    if found.log_p is None or not _changes(found, listed):
        return share
    change = float(found.log_p[place])
    return f"{share} · {'+' if round(change, 2) > 0 else ''}{words.number(change)}"


def _numbers(found: Ranks, listed: list[tuple[int, int]], scene: Scene) -> Bars:
    """A bar is explained by the run without that head."""
    kind, name = "effect" if found.log_p is None else "variation", stacks.looks(scene).name
    return Bars(tuple((f"{kind}.{name('z', layer)}", (head,)) for layer, head in listed))


def _says(found: Ranks, scene: Scene, words: Words) -> str:
    most, n = greatest(found.strength, shown := _shares(words), found.works), int(found.works.sum())
    how = "output" if found.log_p is None else "prediction"
    alike = "_alike" if most.everywhere and n > 1 else ""
    heads = {"heads": head_names(most.places, words, "heads.the"), "k": len(most.places), "n": n}
    heads["most"] = shown(most.value)
    kind = stacks.looks(scene).kind
    read = stacks.read(scene) if kind else scene.tokens
    after = {"token": token_name(read, len(read) - 1, words)} if how == "prediction" else {}
    says = words(f"reading.ranked.says.{how}{alike}", **heads, **after)
    if found.log_p is not None:
        says += _likeliest(found, most, scene, words)
    if kind:
        says += " " + words(f"reading.ranked.says.of_{kind}")
    return says if n <= MOST else f"{says} {words('reading.ranked.says.listed', shown=MOST, n=n)}"


def _likeliest(found: Ranks, most: Extreme, scene: Scene, words: Words) -> str:
    """What the strongest head, where it is one, does to the token that is likeliest with it; and that the bars have the
    change of its log-probability beside them. Either where a digit of it is seen."""
    assert found.log_p is not None
    logits = stacks.asked(scene)[2].row("logits", -1).astype(np.float64)
    token = int(logits.argmax())
    before = float(1 / np.exp(logits - logits[token]).sum())
    after = before * float(np.exp(found.log_p[most.place]))
    word = words("quoted", token=edged(continuation.names(scene, words)(token)))
    says, written = "", percent(words)
    if len(most.places) == 1 and written(before) != written(after):
        says += " " + words("reading.ranked.says.likeliest", word=word, before=before, after=after)
    if _changes(found, found.order[:MOST]):
        says += " " + words("reading.ranked.says.beside", word=word)
    return says


def height(scene: Scene) -> int:
    """Pixels of the bars: as many as there are, and never fewer than three."""
    config = stacks.looks(scene).config
    return 30 + ROW * max(3, min(MOST, config.n_layers * config.n_heads))
