"""What Reading heads says of models of two stacks: as of one, by the same claims, and what only the crossing has."""

from __future__ import annotations

from collections.abc import Callable

from claims import Values, claim, near, see, written_as
from claims.sides import HERE, SEQ, Sides, crossing
from pictures import importance, reading, stacks, together
from pictures.compute import Builder

BACK = HERE.turn(
    ablated=((1, 0, "cross"), (1, 2), (1, 2, "cross")),
    temperature=3.0,
    query=2,
    sentence="<pt> yesterday the seal slept .",
)
ONE, BARE = SEQ.turn(sentence="um", off=("norm",), query=4), SEQ.override(projections=False, n_layers=1)
LOST = SEQ.override(init="unit", n_layers=12).turn(off=("norm",), layer=11, head=1)  # in the decoder
SCENES = [
    *(scene.turn(attention_of="cross") for scene in (HERE.turn(query=3), BACK, ONE, BARE, LOST)),
    *(scene.turn(attention_of="encoder") for scene in (HERE.turn(query=3), ONE, BARE)),
    *(scene.turn(attention_of="decoder") for scene in (BACK, HERE.turn(off=("cross", "mask"), query=1), ONE)),
]
FRESH = Sides


def within(builder: Builder) -> Callable:
    """A picture that no page asks for of looks from one text to another."""
    return lambda scene, words: [] if stacks.looks(scene).crosses else builder(scene, words)


BUILDERS = (
    *map(within, (reading.labels, reading.scores, importance.rolled)),
    *(reading.effects, importance.weights, importance.carried, importance.importance, together.together),
)


def whose(kind: str) -> None:
    @claim(f"reading.says.effects_of_{kind}")
    def of_kind(f: Sides, v: Values) -> None:
        assert f.kind == kind and [*see.effects_of(f)] == f.on


for kind in ("encoder", "decoder", "cross"):
    whose(kind)


@claim("reading.says.importance_of_encoder")
def of_encoder(f: Sides, v: Values) -> None:
    assert f.kind == "encoder"


@claim("reading.says.rollout_of_decoder")
def own_text(f: Sides, v: Values) -> None:
    assert f.kind == "decoder" and any(".cross." in name for name in f.run.trace)


def only(name: str, values) -> None:
    @claim(f"reading.says.{name}_only_across")
    def of_one(f: Sides, v: Values) -> None:
        assert crossing(f) and v["query"] == f.token(f.query) and len(f.columns) == 1 and v["keys"] == f.key_token(0)
        assert written_as(v["value"], values(f), f.words.lang)


only("weights", lambda f: f.of_head("pattern")[f.query])
only("carried", see.carried_row)


@claim("reading.says.importance_only_across")
def only_one(f: Sides, v: Values) -> None:
    assert crossing(f) and len(f.columns) == 1 and v["key"] == f.key_token(0) and v["query"] == f.token(f.query)
    assert near(v["effect"], see.key_change(f)[0], 1e-3)
