"""Pictures without the first token and those that stand for no text: in real models they draw most of the attention.

Heads that need nothing look at the first token ("attention sink"; Xiao et al. 2023, section 3.1), whose vector grows a
hundred times as long as the others': beside it nothing else is seen.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import numpy as np

from core import Scene
from pictures.extremes import token_name
from pictures.words import Words


def kept(scene: Scene) -> np.ndarray:
    """[pos]: which tokens a picture has; all of them, unless the reader leaves some out and two others are there."""
    all_of_them = np.ones(len(scene.tokens), bool)
    if not scene.without_first:
        return all_of_them
    special = scene.preset.tokenizer.special if scene.preset.tokenizer else frozenset()
    some = np.array([i > 0 and id not in special for i, id in enumerate(scene.encoding.ids.tolist())])
    return some if some.sum() > 1 else all_of_them


def tokens(scene: Scene) -> list[str]:
    """Those that are kept, of a model of one stack."""
    return [*compress(scene.tokens, kept(scene))]


def hidden(a: np.ndarray, scene: Scene) -> np.ndarray:
    """a [..., query, key] with 0 where one of the two is left out; the others' weights are what they are."""
    there = kept(scene)
    return np.where(there[:, None] & there, a, 0) if hides(scene) else a


def renormalized(a: np.ndarray, scene: Scene) -> np.ndarray:
    """[..., query, key] of those that are kept, each row in shares of what it gives to them; 0 if nothing."""
    there = kept(scene)
    return a if there.all() else renormalized_at(a, there)


def renormalized_at(a: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The same of the tokens `there`: which [pos], or their places."""
    rest = a[..., there, :][..., there]
    sums = rest.sum(-1, keepdims=True)
    return np.divide(rest, sums, out=np.zeros_like(rest), where=sums > 0)


def hides(scene: Scene) -> bool:
    """Whether the maps of who looks at whom hide some tokens; of a model of two stacks they hide none."""
    return not scene.whole.n_encoder_layers and not kept(scene).all()


def whole(scene: Scene) -> Scene:
    """Beside a pinned Scene maps are drawn whole: both may have other tokens."""
    return replace(scene, without_first=False) if scene.pinned else scene


def cells(a: np.ndarray, scene: Scene) -> np.ndarray:
    """a [..., query, key] with nothing, NaN, in the rows and columns of the tokens that maps hide."""
    there = kept(scene)
    return np.where(there[:, None] & there, a, np.nan) if hides(scene) else a


def on_map(a: np.ndarray, scene: Scene) -> np.ndarray:
    """Patterns [..., query, key] as maps show them: those `cells`, and what is left of each row divided by its sum, if
    the reader asks for that; 0 where nothing is left of it."""
    if not (hides(scene) and scene.rows_renormalized):
        return cells(a, scene)
    sums = _left(a, scene)[..., None]
    return cells(np.divide(a, sums, out=np.zeros_like(a), where=sums != 0), scene)


def weights_name(name: str, scene: Scene) -> str:
    """What the numbers are on such a map whose array is `name`: its own, or those that were divided."""
    return f"renormalized.{name}" if hides(scene) and scene.rows_renormalized else name


def _left(a: np.ndarray, scene: Scene) -> np.ndarray:
    """[..., query]: what each row gives to the tokens that are shown."""
    return a[..., kept(scene)].sum(-1)


def told_of_looks(scene: Scene, words: Words, how: str = "cells") -> str:
    """What `told` says, of a picture of who looks at whom; "" where it hides none."""
    return told(scene, words, how) if hides(scene) else ""


def told_of_rows(a: np.ndarray, scene: Scene, words: Words) -> str:
    """Of maps of the patterns a [..., query, key]: which tokens they hide, and what the rest of a row adds up to, with
    the blank before it; "" where they hide none."""
    if not hides(scene):
        return ""
    sums = _left(a, scene)[..., kept(scene)].astype(np.float64)
    sums = sums[np.isfinite(sums)]
    if not sums.size:
        return told_of_looks(scene, words)
    if scene.rows_renormalized:
        empty = int((sums == 0).sum())
        return told(scene, words, "divided_empty" if empty else "divided", empty=empty)
    low, high = float(sums.min()), float(sums.max())
    alike = words.number(low) == words.number(high)
    return told(scene, words, "left_alike" if alike else "left", low=low, high=high)


def told(scene: Scene, words: Words, how: str, **more: float) -> str:
    """A sentence that says which tokens a picture has not, with the blank before it; "" where it has all. how: what
    that means there, a label of shell.left_out, and `more` what else it says.
    """
    names = [token_name(scene.tokens, place, words) for place in np.flatnonzero(~kept(scene)).tolist()]
    return f" {words(f'shell.left_out.{how}', n=len(names), tokens=words.several(names), **more)}" if names else ""
