"""What is said of attention in models of two stacks, of each kind: as of one stack, but with who looks in one text
and who is looked at in another, perhaps; and those that only the crossing has."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from claims import Fresh, Values, claim, see, written_as
from core import Scene
from core.config import ENCODER
from pictures import attention

HERE, SEQ = Scene(model="translator", layer=1, head=2), Scene(model="seq2seq", sentence="um dois", layer=1)
SCENES = [
    scene.turn(attention_of=kind)
    for kind in ("cross", "encoder", "decoder")
    for scene in (
        *(
            HERE,
            HERE.turn(head=0, query=5, key=8, temperature=3.0),
            HERE.turn(sentence="<pt> yesterday the seal slept ."),
        ),
        *(
            HERE.turn(off=("W_V", "softmax"), threshold=0.5),
            HERE.turn(ablated=((1, 2),)),
            HERE.turn(off=("cross", "mask")),
        ),
        *(
            SEQ,
            SEQ.turn(sentence="um um").override(projections=False, n_layers=1),
            SEQ.turn(sentence="um", off=("norm",)),
        ),
        SEQ.override(init="unit", d_mlp=256, n_layers=12).turn(off=("norm", "residual"), layer=11, head=1),
    )
]
BUILDERS = (*attention.VECTORS, *attention.MATRICES, attention.output, see.rows)


class Sides(Fresh):
    """A run of two stacks, read as the attention of one kind."""

    def __init__(self, scene: Scene):
        super().__init__(scene)
        self.kind = "decoder" if "cross" in scene.off and scene.attention_of == "cross" else scene.attention_of
        self.whole, source = self.config, scene.tokens
        known = scene.preset.tokenizer
        names = (
            dict(enumerate(known.tokens)) if known else dict(zip(self.run.encoding.ids.tolist(), source, strict=True))
        )
        read = tuple(names.get(int(i), f"#{i}") for i in self.run.target)
        last = self["logits"][-1]
        next_ones = (*read[1:], names.get(int(last.argmax()), f"#{last.argmax()}")) if np.isfinite(last).all() else read
        self.config = self.whole.encoder if self.kind == "encoder" else self.whole
        self.tokens = {"encoder": source, "decoder": read, "cross": next_ones}[self.kind]
        self.columns = self.tokens if self.kind == "decoder" else source
        self.n = len(self.tokens)
        self.query, self.key = min(scene.query, self.n - 1), min(scene.key, len(self.columns) - 1)
        self.layer, self.head = min(scene.layer, self.config.n_layers - 1), min(scene.head, self.config.n_heads - 1)
        if self.kind == "cross":
            self.entries = "ln_cross.out", "resid_mid"
            self.config = self.whole.replace(causal=False)  # nothing of the other text is hidden

    def attention(self, layer: int) -> str:
        prefix, part = ENCODER if self.kind == "encoder" else "", "cross" if self.kind == "cross" else "attn"
        return f"{prefix}blocks.{layer}.{part}."

    def at(self, name: str) -> np.ndarray:
        return self[f"{ENCODER if self.kind == 'encoder' else ''}blocks.{self.layer}.{name}"]

    @property
    def memory(self) -> np.ndarray:
        """What the encoder leaves."""
        encoder = self.whole.encoder
        return self[ENCODER + ("ln_final.out" if encoder.final_norm else f"blocks.{encoder.n_layers - 1}.resid_post")]

    def place_is_on(self) -> bool:
        return self.kind != "decoder" or super().place_is_on()

    def keys(self, places: Iterable[int], query: int | None = None) -> str:
        if self.kind != "cross":
            return super().keys(places, query)
        return self.phrase([self.key_token(i) for i in places])


FRESH = Sides


def crossing(f: Sides) -> bool:
    assert f.kind == "cross"
    return True


# ----------------------------------------------------------------------------------------------------------- Attention


@claim("attention.says.x_across", "attention.says.x_normed_across")
def goes_in(f: Sides, v: Values) -> None:
    pre, x = f.config.norm != "none" and f.config.norm_at == "pre", see.entering(f)
    assert crossing(f) and pre == ("norm" in f.says) and v["token"] == f.token(f.query) and v["n"] == x.shape[1]
    assert written_as(v["vector"], x[f.query][:8], f.words.lang)


def projected(name: str) -> None:
    @claim(f"attention.says.{name}_across")
    def vector(f: Sides, v: Values) -> None:
        x = f.of_head(name)
        see.made_of(f, f.memory, name.upper())
        assert crossing(f) and f.config.projections and v["token"] == f.key_token(f.key) and np.isfinite(x).all()
        assert written_as(v["length"], np.sqrt(x[f.key] @ x[f.key]), f.words.lang)
        assert written_as(v["vector"], x[f.key][:8], f.words.lang)


projected("k")
projected("v")


@claim("attention.says.same_across", "attention.says.slice_across")
def unprojected(f: Sides, v: Values) -> None:
    x = f.of_head(v["name"].lower())
    width = x.shape[1]
    assert crossing(f) and np.allclose(x, f.memory[:, f.head * width : (f.head + 1) * width])
    assert v["token"] == f.key_token(f.key) and written_as(v["vector"], x[f.key][:8], f.words.lang)


@claim("attention.says.unmasked_across")
def nothing_hidden(f: Sides, v: Values) -> None:
    assert crossing(f) and v["cells"] == f.n * len(f.columns) and not v["hidden"]
    assert np.isfinite(f.of_head("scores_masked")).all()


@claim("attention.says.z_across")
def mixed(f: Sides, v: Values) -> None:
    z = f.of_head("pattern")[f.query] @ f.of_head("v")
    assert crossing(f) and v["token"] == f.token(f.query) and np.allclose(z, f.of_head("z")[f.query], atol=1e-4)
    assert written_as(v["vector"], z[:8], f.words.lang)


@claim("attention.reads.only_across")
def only(f: Sides, v: Values) -> None:
    ((_, weights),) = see.row_of(f, v["token"])
    assert crossing(f) and len(weights) == 1 == v["weight"] and v["keys"] == f.key_token(0)
