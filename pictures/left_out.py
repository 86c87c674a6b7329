"""Pictures without the first token and those that stand for no text: in real models they draw most of the attention.

Heads that need nothing look at the first token ("attention sink"; Xiao et al. 2023, section 3.1), whose vector grows a
hundred times as long as the others': beside it nothing else is seen.
"""

from __future__ import annotations

import numpy as np

from core import Scene
from pictures.words import Words
from plots.tokens import edged


def kept(scene: Scene) -> np.ndarray:
    """[pos]: which tokens a picture has; all of them, unless the reader leaves some out and two others are there."""
    all_of_them = np.ones(len(scene.tokens), bool)
    if not scene.without_first:
        return all_of_them
    special = scene.preset.tokenizer.special if scene.preset.tokenizer else frozenset()
    some = np.array([i > 0 and id not in special for i, id in enumerate(scene.encoding.ids.tolist())])
    return some if some.sum() > 1 else all_of_them


def hidden(a: np.ndarray, scene: Scene) -> np.ndarray:
    """a [..., query, key] with 0 where one of the two is left out; the others' weights are what they are."""
    there = kept(scene)
    return a if there.all() else np.where(there[:, None] & there, a, 0)


def renormalized(a: np.ndarray, scene: Scene) -> np.ndarray:
    """[..., query, key] of those that are kept, each row in shares of what it gives to them; 0 if nothing."""
    there = kept(scene)
    rest = a[..., there, :][..., there]
    sums = rest.sum(-1, keepdims=True)
    return a if there.all() else np.divide(rest, sums, out=np.zeros_like(rest), where=sums > 0)


def told(scene: Scene, words: Words, how: str) -> str:
    """A sentence that says which tokens a picture has not, with the blank before it; "" where it has all. how: what
    that means there, a label of shell.left_out.
    """
    tokens = [token for token, there in zip(scene.tokens, kept(scene), strict=True) if not there]
    quoted = words.several(words("quoted", token=edged(token)) for token in tokens) if tokens else ""
    return f" {words(f'shell.left_out.{how}', n=len(tokens), tokens=quoted)}" if tokens else ""
