"""What Models says of sentences: each is run alone, and its mean and the cosines are computed with sums."""

from __future__ import annotations

from math import isnan, sqrt

import core
from core import Scene
from pictures.alike import alike, texts
from pictures.words import words_of

from . import Fresh, Values, claim, poisoned

BUILDERS = (alike,)
IDEAS = ("swims", "capital", "rain", "eats")
SCENES = [Scene(model="alice"), Scene(model="machado", sentence="O pinguim nada no mar gelado.")]
SCENES.append(Scene(model=poisoned("stories", "blocks.0.attn.W_Q")))


def cosines(f: Fresh) -> list[list[float]]:
    """Of every two sentences; of one with itself -2."""
    if "_cosines" not in vars(f):
        units, preset = [], f.scene.preset
        last = "ln_final.out" if f.config.final_norm else f"blocks.{f.config.n_layers - 1}.resid_post"
        for text in texts(f.scene):
            ids = preset.tokenizer.encode(text).ids
            rows = core.forward(preset.learned, preset.config, ids, names=[last])[last].tolist()
            sums = [sum(column) for column in zip(*rows, strict=True)]
            size = sqrt(sum(x * x for x in sums))
            units.append([x / size for x in sums])
        vars(f)["_cosines"] = [
            [-2.0 if a is b else sum(x * y for x, y in zip(a, b, strict=True)) for b in units] for a in units
        ]
    return vars(f)["_cosines"]


@claim("models.alike.says.most")
def most(f: Fresh, v: Values) -> None:
    of, names = cosines(f), texts(f.scene)
    first, second = (next(i for i, name in enumerate(names) if name in v[key]) for key in ("first", "second"))
    assert v["value"] > max(map(max, of)) - 1e-5 and abs(of[first][second] - v["value"]) < 1e-5
    assert abs(v["value"] - max(map(max, of))) < 1e-5
    given = [[words_of(lang)(f"models.alike.texts.{idea}") for lang in ("pt-BR", "en")] for idea in IDEAS]
    likest = 0
    for one, other in [*given, *(pair[::-1] for pair in given)]:
        row = of[names.index(one)]
        likest += row[names.index(other)] > max(row) - 1e-6
    assert (v["n"], v["found"]) == (2 * len(IDEAS), likest)
    assert v["first"] == f.words("quoted", token=names[first]) and v["second"] == f.words("quoted", token=names[second])


@claim("models.alike.says.lost")
def lost(f: Fresh, v: Values) -> None:
    of = cosines(f)
    assert v == {"n": sum(isnan(row[not at]) for at, row in enumerate(of)), "of": len(of)} and v["n"]
