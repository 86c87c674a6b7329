"""A page whose run is patched: what was put in, and from where, against two runs of its own; and that what else is said
of such a run is true too."""

from __future__ import annotations

import re

import numpy as np

import core
from claims import Fresh, Values, claim, inside, light, named_in, see, switched, way
from core import Scene
from core.scene.continuation import namer
from pictures import patched
from pictures.compute import Builder, Picture
from pictures.pages import PAGES
from pictures.words import Words

GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, d_mlp=16)
TWO = Scene(model="translator", sentence="o pinguim viu a onda .")
STORIES = Scene(model="stories", sentence="A foca perto do pinguim", query=4, layer=1)
WHOLE = [  # of these all is asked that pages say of a patched run
    STORIES.turn(patch=("blocks.1.attn.z", (0,)), patch_source="As focas perto do pinguim"),
    *(
        GPT.turn(patch=patch, patch_source="o rato viu o gato", layer=1, query=3, key=1)
        for patch in (
            *(("blocks.1.resid_pre", (1,)), ("blocks.0.resid_pre", (3,)), ("blocks.0.mlp_out", ())),
            *(("blocks.0.resid_pre", ()), ("blocks.1.attn.z", (2, 3))),
        )
    ),
]
SCENES = [
    *WHOLE,
    *(
        GPT.turn(patch=patch, patch_source="o rato viu o gato")
        for patch in (
            *((f"blocks.{i}.attn.z", place) for i in (0, 1) for place in ((), (2,), (1, 3), (0, 0))),
            *(("blocks.0.resid_pre", place) for place in ((), (0,), (4,))),
            *(("blocks.1.mlp_out", place) for place in ((), (2,))),
        )
    ),
    *(
        TWO.turn(patch=patch, patch_source="a foca viu a onda .")
        for patch in (
            *(("encoder.blocks.1.resid_pre", (2,)), ("encoder.blocks.0.attn.z", (1, 2)), ("blocks.0.cross.z", (1,))),
            *(("blocks.1.resid_pre", (place,)) for place in (1, 6, 15)),  # of 6 that its decoder reads
            ("blocks.0.mlp_out", ()),
        )
    ),
]


def _of_whole(builder: Builder) -> Builder:
    """Of the others nothing is asked but what was put in."""

    def said(scene: Scene, words: Words) -> Picture | str | list[str]:
        return builder(scene, words) if scene in WHOLE else ""

    said.__name__, said.part = builder.__name__, getattr(builder, "part", "")
    return said


def _follows(builder: Builder) -> bool:
    """Whether the builder's page shows a patched run."""
    page = {"importance": "reading", "together": "reading", "continuation": "generate"}
    own = builder.__module__.removeprefix("pictures.").split(".")[0]
    return PAGES[page.get(own, own)].patched if page.get(own, own) in PAGES else True


OTHERS = [one for module in (see, way, light, inside, switched) for one in module.BUILDERS if _follows(one)]
BUILDERS = (patched.says, *map(_of_whole, OTHERS))
FORMS = {
    "en": {
        "resid_pre": "the stream entering layer {}",
        "z": "the output of {} of layer {}",
        "mlp_out": "the output of layer {}’s MLP",
        "at": " at {}",
        "every": "every head",
        "head": "head {}",
    },
    "pt-BR": {
        "resid_pre": "o fluxo que entra na camada {}",
        "z": "a saída d{} da camada {}",
        "mlp_out": "a saída da MLP da camada {}",
        "at": " em {}",
        "every": "e todas as cabeças",
        "head": "a cabeça {}",
    },
}


def said(f: Fresh) -> str:
    """What was put in, in words of our own."""
    forms, (name, place) = FORMS[f.words.lang], f.scene.patch
    layer, last = re.search(r"\d+", name)[0], name.rpartition(".")[2]
    if last == "z":
        head = forms["head"].format(place[0]) if place else forms["every"]
        text, place = forms["z"].format(head, layer), place[1:]
    else:
        text = forms[last].format(layer)
    tokens, target = f.tokens, f.run.target
    if target is not None and not name.startswith("encoder."):
        tokens = [namer(f.scene)(token) for token in target.tolist()]
    if place:
        at = f"{'position' if f.words.lang == 'en' else 'posição'} {place[0]}"
        text += forms["at"].format(named_in(tokens, place[0], f.words.lang) if place[0] < len(tokens) else at)
    stack = ""
    if target is not None:
        inside = "encoder" if name.startswith("encoder.") else "decoder"
        stack = f" ({inside})" if f.words.lang == "en" else f" (no {inside})"
    if ".cross." in name:
        stack = {"en": " (cross-attention)", "pt-BR": " (atenção cruzada)"}[f.words.lang]
    return text + stack


def other(f: Fresh) -> np.ndarray:
    """The array of that name in the other sentence's run; of two stacks, on what this one's decoder read."""
    there = core.run(f.scene.turn(patch=None, sentence=f.scene.patch_source))
    if f.run.target is None:
        return there.trace[f.scene.patch[0]]
    given = {"source": there.encoding.ids, "interventions": f.scene.interventions}
    return core.forward(there.params, f.scene.whole, f.run.target, **given)[f.scene.patch[0]]


@claim("patch.says.put")
def _(f: Fresh, v: Values) -> None:
    name, place = f.scene.patch
    assert v["source"] == f.scene.patch_source and v["what"] == said(f), (v["what"], said(f))
    assert np.array_equal(f.run.trace[name][place], other(f)[place])


@claim("patch.says.read")
def _(f: Fresh, v: Values) -> None:
    assert f.scene.model == TWO.model  # one stack reads nothing else
    assert np.array_equal(f.run.target, core.run(f.scene.turn(patch=None)).target)


@claim("patch.says.nowhere")
def _(f: Fresh, v: Values) -> None:
    assert v["source"] == f.scene.patch_source and v["what"] == said(f)
    assert f.scene.patch[1][-1] >= len(f.run.target)
    whole = core.run(f.scene.turn(patch=None)).trace
    assert np.array_equal(f.run.trace["logits"], whole["logits"])
