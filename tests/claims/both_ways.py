"""What Drift says of models of two stacks: as of one, but of both texts side by side."""

from __future__ import annotations

import numpy as np

from claims import Fresh, Values, claim, named_in
from claims.way import BUILDERS as BUILDERS
from core import Scene
from core.config import ENCODER

HERE, SEQ = Scene(model="translator"), Scene(model="seq2seq", sentence="um dois um")
SCENES = [
    *(HERE, HERE.turn(drift_stage=1, drift_3d=True), HERE.turn(drift_stage=0), HERE.turn(ablated=((1, 2),))),
    *(SEQ, SEQ.override(n_layers=3), SEQ.override(n_layers=1).turn(sentence="um"), SEQ.turn(off=("cross", "norm"))),
    SEQ.override(init="unit", d_mlp=256, n_layers=12).turn(off=("norm", "residual"), sentence="um um"),
]


class Both(Fresh):
    """A run of two stacks, read as one text behind the other, each at what its own stack has made of it."""

    def __init__(self, scene: Scene):
        super().__init__(scene)
        known = scene.preset.tokenizer
        ids = zip(self.run.encoding.ids.tolist(), scene.tokens, strict=True)
        names = dict(enumerate(known.tokens)) if known else dict(ids)
        self.read = tuple(names.get(int(i), f"#{i}") for i in self.run.target)
        self.depths = (scene.config.n_encoder_layers, scene.config.n_layers)
        self.tokens, self.n = (*scene.tokens, *self.read), len(scene.tokens) + len(self.read)
        self.config = scene.config.replace(n_layers=max(self.depths))

    def __getitem__(self, name: str) -> np.ndarray:
        """Of both stacks, each as far as it has got."""
        found = []
        for prefix, deep in zip((ENCODER, ""), self.depths, strict=True):
            _, layer, rest = name.split(".") if name.startswith("blocks") else ("", "", name)
            at = f"{prefix}blocks.{min(int(layer), deep - 1)}.{rest}" if layer else prefix + rest
            found.append(self.run.trace[at].astype(np.float64))
        return np.concatenate(found)

    def token(self, i: int) -> str:
        own = len(self.scene.tokens)
        if i < own:
            return named_in(self.scene.tokens, i, self.words.lang)
        return f"{named_in(self.read, i - own, self.words.lang)} ({'do ' * (self.words.lang != 'en')}decoder)"


FRESH = Both


@claim("drift.of_decoder")
def of_decoder(f: Both, v: Values) -> None:
    assert v["token"] in [named_in(f.read, i, f.words.lang) for i in range(len(f.read))]


@claim("drift.says.both")
def both(f: Both, v: Values) -> None:
    assert (v["n"], v["written"]) == (len(f.run.encoding.ids), len(f.run.target))


@claim("drift.says.shorter")
def shorter(f: Both, v: Values) -> None:
    assert f.depths[("encoder", "decoder").index(v["stack"])] == v["n"] == min(f.depths) < max(f.depths)
