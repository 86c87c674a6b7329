"""Weight against value and effect: the chosen head's pairs of tokens by their weight and by what that carries; and of
the chosen query's, how far its output moves when one is left out.

A weight says what was mixed in, not what it did (Jain & Wallace 2019, section 4); nor need a long vector do more than a
short one (Kobayashi et al. 2020, section 3, weigh by its length). How far the three go together is measured here.
"""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures import stacks
from pictures.compute import Picture, picture
from pictures.extremes import magnitude, percent, token_name
from pictures.importance import carried_of, effects_of, weights_of
from pictures.numbers import Pairs
from pictures.squares import nothing
from pictures.together import PAIRS, in_step
from pictures.words import Words
from plots.weighed import weighed as drawn

HEIGHT, WIDTH = 360, 480  # px
RING = 0.02  # of an axis: half the width and height of a point's outline
DIGITS = 4  # of a share of the greatest
ROUNDED = 6  # decimals of a share of an output's length: what differs by less is float32's rounding


@picture("layer", "head", "query", "attention_of")
def weighed(scene: Scene, words: Words) -> Picture:
    """Every pair that the head may see; those of the chosen query large, by what it changes to leave the key out."""
    found, a, carried, effects = stacks.looks(scene), weights_of(scene), carried_of(scene), effects_of(scene)
    if not (np.isfinite(a).all() and np.isfinite(carried).all() and np.isfinite(effects).all()):
        return nothing(words("reading.weighed.says.lost"), WIDTH)
    query = found.cell[0]
    seen, keys = found.seen, np.flatnonzero(found.seen[query])
    others = seen.copy()
    others[query] = False
    says = _says(scene, a, carried, effects, words)
    figure = drawn(
        np.stack([a[others], carried[others]], axis=1),
        np.stack([a[query, keys], carried[query, keys]], axis=1),
        effects[keys],
        [found.columns[key] for key in keys],
        names=(words("reading.weighed.others"), words("reading.weighed.own")),
        titles=(words("reading.weighed.weight"), words("reading.weighed.carried")),
        hover=[_told(scene, key, a, carried, effects, words) for key in keys.tolist()],
        width=WIDTH,
        height=HEIGHT,
        alt=says,
    )
    axes = (figure["layout"][axis]["range"] for axis in ("xaxis", "yaxis"))
    half = tuple(RING * (high - low) for low, high in axes)
    name, head = f"carried.{found.name('pattern')}", found.place[1]
    numbers = Pairs(name, head, a, carried, others, query, seen[query], half)
    return Picture(figure, says, numbers)


def _told(scene: Scene, key: int, a: np.ndarray, carried: np.ndarray, effects: np.ndarray, words: Words) -> str:
    """A point's three numbers."""
    found = stacks.looks(scene)
    parts = {
        "weight": words.number(float(a[found.cell[0], key])),
        "carried": magnitude(float(carried[found.cell[0], key]), words),
        "effect": f"{percent(words)(float(effects[key]))}%",
    }
    told = "; ".join(f"{words(f'reading.series.{name}')} {value}" for name, value in parts.items())
    return f"{token_name(found.columns, key, words)}: {told}"


def _says(scene: Scene, a: np.ndarray, carried: np.ndarray, effects: np.ndarray, words: Words) -> str:
    """How far the three are in one order: over all pairs the first two, over the chosen query's keys all."""
    found = stacks.looks(scene)
    query = found.cell[0]
    seen, own = found.seen, found.seen[query]
    if seen.sum() < PAIRS:
        return words("reading.weighed.says.few", n=int(seen.sum()))
    both = in_step(a[seen], carried[seen], DIGITS)
    says = words(f"reading.weighed.says.{'pairs' if np.isfinite(both) else 'alike'}", n=int(seen.sum()), r=both)
    if own.sum() < PAIRS:
        return says
    moved = effects[own].round(ROUNDED)
    with_weight, with_carried = (in_step(values[query, own], moved, DIGITS) for values in (a, carried))
    about = {"query": token_name(found.rows, query, words), "n": int(own.sum())}
    if not (np.isfinite(with_weight) and np.isfinite(with_carried)):
        return f"{says} {words('reading.weighed.says.effect_alike', **about)}"
    more = {"weight": with_weight, "carried": with_carried}
    return f"{says} {words('reading.weighed.says.effect', **about, **more)}"
