"""What Start says of models of two stacks."""

from __future__ import annotations

from claims import Values, claim, see, sides, told_as
from core import Scene
from pictures import start

BUILDERS = (start.says, see.card)
HERE, SEQ = Scene(model="translator"), Scene(model="seq2seq", sentence="um dois")
SCENES = [
    *(HERE, HERE.turn(off=("cross",)), SEQ, SEQ.override(n_layers=1), SEQ.turn(sentence="um", off=("cross", "norm"))),
    SEQ.override(init="unit", d_mlp=256, n_layers=12).turn(off=("norm", "residual")),
]


class Written(sides.Sides):
    """A run of two stacks, read as what its decoder makes of what it reads."""

    def __init__(self, scene: Scene):
        super().__init__(scene.turn(attention_of="decoder"))
        self.scene = scene


FRESH = Written


@claim("start.says.two", "start.says.two_apart")
def through(f: Written, v: Values) -> None:
    assert (v["n"], v["written"]) == (len(f.run.encoding.ids), len(f.run.target))
    assert (v["layers"], v["own"]) == (f.whole.n_encoder_layers, f.whole.n_layers)
    crosses = any(".cross." in name for name in f.run.trace)
    assert crosses == told_as(f, "also looks", "também olha")
