"""What Attention and Heads say of maps that hide the first token and those that stand for no text: as of a run that has
the others alone, their rows divided where that is asked for; and what is said of what is hidden.
"""

from __future__ import annotations

from functools import cached_property, partial

import numpy as np

from claims import CLAIMS, Fresh, Values, claim, named_in, near, see
from core import Scene
from pictures import attention, heads, rows_told

HERE = Scene(model="induction", layer=1, head=1, without_first=True)
GONE = Scene(model="gpt", without_first=True).override(n_layers=12, residual=False, norm="none", init="unit")
SCENES = [
    turned
    for scene in (
        *(
            HERE,
            HERE.turn(query=0, head=0),
            HERE.turn(temperature=0.05, layer=0, query=1),
            HERE.turn(sentence="ba be bi"),
        ),
        HERE.turn(off=("mask", "softmax"), ablated=((1, 1),)),
        Scene(model="stories", without_first=True, query=2).override(scale=False),
        Scene(without_first=True, sentence="um um dois", off=("scale",)),
        GONE.turn(layer=11),
    )
    for turned in (scene, scene.turn(rows_renormalized=True))
]
BUILDERS = (
    *attention.MATRICES,
    lambda scene, words: rows_told.read_shown(scene, range(len(scene.tokens)), words),
    *(heads.overview, heads.chosen),
)


class Hidden(Fresh):
    """A run read without the tokens that are hidden."""

    hides = True

    def __init__(self, scene: Scene):
        super().__init__(scene)
        self.all = Fresh(scene)
        self.all.hides = True
        known = scene.preset.tokenizer
        special = known.special if known else ()
        self.places = [i for i, token in enumerate(self.run.encoding.ids.tolist()) if i and token not in special]
        self.n, self.columns = len(self.places), self.places
        self.query = self.places.index(self.query) if self.query in self.places else -1

    def token(self, i: int) -> str:
        return named_in(self.all.tokens, self.places[i], self.words.lang)

    key_token = token

    def of_head(self, name: str) -> np.ndarray:
        x = super().of_head(name)[self.places]
        return self.shown(x[:, self.places], name) if name.startswith(("scores", "pattern")) else x

    @cached_property
    def patterns(self) -> np.ndarray:
        return self.shown(self.all.patterns[..., self.places, :][..., self.places], "pattern")

    def shown(self, x: np.ndarray, name: str) -> np.ndarray:
        if name != "pattern" or not self.scene.rows_renormalized:
            return x
        rows = [[w / (sum(row) or 1) for w in row] for row in x.reshape(-1, self.n)]
        return np.array(rows).reshape(x.shape)

    def left(self) -> np.ndarray:
        """What is left of each row that is shown, of the picture's heads, where that is a number."""
        wide = self.at_builder is heads.overview
        a = self.all.patterns if wide else self.all.of_head("pattern")
        rows = a[..., self.places, :].reshape(-1, a.shape[-1])
        sums = np.array([sum(row[place] for place in self.places) for row in rows])
        return sums[np.isfinite(sums)]


def as_whole(check, f: Hidden, v: Values) -> None:
    """Held against all of the run."""
    f.all.words, f.all.says, f.all.told, f.all.at_builder = f.words, f.says, f.told, f.at_builder
    check(f.all, v)


OF_ALL = {"heads.says.one": see.read_by, "heads.says.all": see.read_by, "heads.says.chosen": see.chosen}
OF_ALL |= {"heads.says.looks": see.told} | {key: CLAIMS[key] for key in CLAIMS if key.startswith("heads.looks.")}
Hidden.claims = {key: partial(as_whole, check) for key, check in OF_ALL.items()}
FRESH = Hidden


def named(f: Hidden, v: Values) -> bool:
    gone = [i for i in range(f.all.n) if i not in f.places]
    joint = {"en": " and ", "pt-BR": " e "}[f.words.lang]
    names = [named_in(f.all.tokens, i, f.words.lang) for i in gone]
    return v["n"] == len(gone) and v["tokens"] == joint.join(filter(None, (", ".join(names[:-1]), names[-1])))


@claim("attention.reads.hidden")
def is_hidden(f: Hidden, v: Values) -> None:
    assert v["token"] in [named_in(f.all.tokens, i, f.words.lang) for i in range(f.all.n) if i not in f.places]


@claim("shell.left_out.cells")
def cells(f: Hidden, v: Values) -> None:
    assert named(f, v)
    if f.at_builder in (heads.overview, heads.chosen, attention.pattern):
        assert not f.left().size


@claim("shell.left_out.left", "shell.left_out.left_alike")
def left(f: Hidden, v: Values) -> None:
    sums = f.left()
    assert named(f, v) and not f.scene.rows_renormalized
    assert near(v["low"], min(sums)) and near(v["high"], max(sums))
    assert f.told.endswith("_alike") == (f"{min(sums):.2f}" == f"{max(sums):.2f}")


@claim("shell.left_out.divided", "shell.left_out.divided_empty")
def divided(f: Hidden, v: Values) -> None:
    sums = f.left()
    assert named(f, v) and f.scene.rows_renormalized and v["empty"] == sum(total == 0 for total in sums)
    assert f.told.endswith("_empty") == bool(v["empty"])
