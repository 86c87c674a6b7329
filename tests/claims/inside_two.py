"""What Inside a block says of models of two stacks: of the encoder's block, and of the decoder's with its crossing."""

from __future__ import annotations

import numpy as np

from claims import Values, claim, inside, sides, written_as
from core import Scene
from core.config import ENCODER

BUILDERS = inside.BUILDERS
SEQ = Scene(model="seq2seq", sentence="um dois um", layer=1, query=3, dimension=5)
SCENES = [
    scene.turn(attention_of=kind, second_norm=second)
    for kind, second in (("cross", False), ("decoder", False), ("decoder", True), ("encoder", False), ("encoder", True))
    for scene in (
        Scene(model="translator", layer=1, query=8),
        *(SEQ.override(d_mlp=300), SEQ.turn(off=("mlp",)), SEQ.turn(off=("cross", "norm", "positions"))),
        *(SEQ.turn(query=1).override(norm="rms", n_layers=1), SEQ.override(norm_at="pre").turn(off=("residual",))),
        SEQ.override(init="unit", d_mlp=256, n_layers=12).turn(off=("norm", "residual"), sentence="um", layer=11),
    )
]


class Inside(sides.Sides):
    """A run of two stacks, read as the block of one of them."""

    def __init__(self, scene: Scene):
        kind = scene.attention_of
        super().__init__(scene.turn(attention_of="encoder" if kind == "encoder" else "decoder"))
        self.scene, self.crosses = scene, kind == "cross" and self.config.cross
        self.prefix = ENCODER if kind == "encoder" else ""
        if self.crosses:
            self.entries = "ln_cross.out", "resid_mid"

    def __getitem__(self, name: str) -> np.ndarray:
        return super().__getitem__(name if name.startswith(ENCODER) else self.prefix + name)

    def at(self, name: str) -> np.ndarray:
        return self[f"blocks.{self.layer}.{name}"]


FRESH = Inside


@claim("block.says.steps_cross", "block.says.steps_attention_cross")
def steps(f: Inside, v: Values) -> None:
    """The same as of one stack, and what the crossing brings."""
    inside.steps(f, v)
    assert f.config.cross and not f.prefix
    assert written_as(v["cross"], inside.mean_length(f.at("cross_out")), f.words.lang)
