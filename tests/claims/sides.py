"""What is said of attention in models of two stacks, of each kind: as of one stack, but with who looks in one text
and who is looked at in another, perhaps; and those that only the crossing has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

import core
from claims import Fresh, Values, claim, light, moved, near, poisoned, see, ties, written_as
from core import Scene
from core.config import ENCODER
from pictures import attention, fibres, heads, stacks, worth

HERE, SEQ = Scene(model="translator", layer=1, head=2), Scene(model="seq2seq", sentence="um dois", layer=1)
SCENES = [
    scene.turn(attention_of=kind)
    for kind in ("cross", "encoder", "decoder")
    for scene in (
        *(
            HERE,
            Scene(model=poisoned("translator", "encoder.blocks.1.attn.W_Q")),
            HERE.turn(head=0, query=5, key=8, temperature=3.0),
            HERE.turn(sentence="<pt> yesterday the seal slept ."),
        ),
        *(
            HERE.turn(off=("W_V", "softmax"), threshold=0.5, focus=12),
            HERE.turn(ablated=((1, 0, "encoder"), (1, 2), (1, 2, "cross")), layers_lit=3, focus=3),
            HERE.turn(off=("cross", "mask")),
        ),
        *(
            SEQ,
            SEQ.turn(sentence="um um").override(projections=False, n_layers=1),
            SEQ.turn(sentence="um", off=("norm",)),
            SEQ.turn(sentence="um um").override(projections=False, n_layers=1, n_heads=1),
        ),
        SEQ.override(init="unit", d_mlp=256, n_layers=12).turn(off=("norm", "residual"), layer=11, head=1),
    )
]
BUILDERS = (
    *(*attention.VECTORS, *attention.MATRICES, attention.output, see.rows, fibres.light, fibres.twin),
    *(heads.overview, heads.chosen, heads.entropies, worth.effect, heads.lengths),
    lambda scene, words: [] if stacks.looks(scene).crosses else heads.distances(scene, words),
)


class Sides(Fresh):
    """A run of two stacks, read as the attention of one kind."""

    def __init__(self, scene: Scene):
        super().__init__(scene)
        self.moves: dict[tuple, np.ndarray] = {}
        self.kind = "decoder" if "cross" in scene.off and scene.attention_of == "cross" else scene.attention_of
        self.whole, source = self.config, scene.tokens
        known = scene.preset.tokenizer
        names = (
            dict(enumerate(known.tokens)) if known else dict(zip(self.run.encoding.ids.tolist(), source, strict=True))
        )
        read = tuple(names.get(int(i), f"#{i}") for i in self.run.target)
        last = self["logits"][-1]
        next_ones = (*read[1:], names.get(int(last.argmax()), f"#{last.argmax()}")) if np.isfinite(last).all() else read
        self.written = next_ones
        self.config = self.whole.encoder if self.kind == "encoder" else self.whole
        self.tokens = {"encoder": source, "decoder": read, "cross": next_ones}[self.kind]
        self.columns = self.tokens if self.kind == "decoder" else source
        self.n = len(self.tokens)
        self.query, self.key = min(scene.query, self.n - 1), min(scene.key, len(self.columns) - 1)
        self.layer, self.head = min(scene.layer, self.config.n_layers - 1), min(scene.head, self.config.n_heads - 1)
        self.crosses = self.kind == "cross"
        if self.crosses:
            self.entries = "ln_cross.out", "resid_mid"
            self.config = self.whole.replace(causal=False)  # nothing of the other text is hidden

    def attention(self, layer: int) -> str:
        prefix, part = ENCODER if self.kind == "encoder" else "", "cross" if self.kind == "cross" else "attn"
        return f"{prefix}blocks.{layer}.{part}."

    def block(self, layer: int) -> str:
        return f"{ENCODER if self.kind == 'encoder' else ''}blocks.{layer}."

    @property
    def others(self) -> np.ndarray:  # type: ignore[override]
        return self.seen if self.kind == "cross" else self.seen & ~np.eye(self.n, dtype=bool)

    def switched(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """What is read stays: the decoder's tokens are those of this run."""
        where = () if self.kind == "decoder" else (self.kind,)
        places = tuple(self.off) or ((self.layer, self.head),)
        kept = {head for head in self.scene.ablated if head[2:] != where}
        found, last = [], f"blocks.{self.whole.n_layers - 1}.resid_post"
        for switched in ((), places):
            off = frozenset([*kept, *((*head, *where) for head in switched)])
            found.append(self.ran(ablated=off)[last].astype(np.float64))
        return places, *found

    def ran(self, params: Any = None, target: Any = None, source: Any = None, **change: Any) -> core.Trace:
        """The whole model again on what was read, or on other tokens, with another change."""
        source, target = (
            own if ids is None else ids for own, ids in ((self.run.encoding.ids, source), (self.run.target, target))
        )
        change = {"temperature": self.scene.temperature, "off": frozenset(self.scene.off), **change}
        change = {"ablated": frozenset(self.scene.ablated), **change}
        about = (params or self.run.params, self.scene.whole, target)
        return core.forward(*about, source=source, interventions=core.Interventions(**change))

    def without(self, *places: tuple[int, int]) -> np.ndarray:
        if places not in self.moves:
            self.moves[places] = self._without(*places)
        return self.moves[places]

    def _without(self, *places: tuple[int, int]) -> np.ndarray:
        where = () if self.kind == "decoder" else (self.kind,)
        trace = self.ran(ablated=frozenset([*self.scene.ablated, *((*place, *where) for place in places)]))
        return moved(self.last, trace[self.block(self.config.n_layers - 1) + "resid_post"].astype(np.float64))

    def rest(self, z: np.ndarray) -> np.ndarray:
        params = {name: x.astype(np.float64) for name, x in self.run.params.items()}
        trace = self.ran(params, patch={self.attention(self.layer) + "z": z})
        return trace[self.block(self.config.n_layers - 1) + "resid_post"]

    def patterns_on(self, ids: np.ndarray) -> np.ndarray:
        """The encoder reads them, or the decoder, and then the encoder what the model opens with."""
        opening = self.scene.turn(sentence="", split="words").encoding.ids
        read = {"source": ids} if self.kind == "encoder" else {"target": ids, "source": opening}
        trace = self.ran(**read)
        return np.array([trace[self.attention(i) + "pattern"] for i in range(self.config.n_layers)])

    @property
    def leaving(self) -> tuple[str, ...]:
        return self.written

    @property
    def memory(self) -> np.ndarray:
        """What the encoder leaves."""
        encoder = self.whole.encoder
        return self[ENCODER + ("ln_final.out" if encoder.final_norm else f"blocks.{encoder.n_layers - 1}.resid_post")]

    @property
    def claims(self) -> Mapping[str, Callable[[Any, Values], None]]:  # type: ignore[override]
        """The light is of all three kinds, whichever the flat picture shows."""
        return OF_LIGHT if self.at_builder is fibres.light else {}

    def of_kind(self, kind: str) -> Sides:
        """The same run, read as another kind of attention."""
        return self if kind == self.kind else sides(self.scene.turn(attention_of=kind))

    @property
    def on(self) -> list[tuple[int, int]]:  # type: ignore[override]
        places = [*np.ndindex(self.config.n_layers, self.config.n_heads)]
        return [place for place in places if place not in self.off]

    @property
    def off(self) -> list[tuple[int, int]]:
        """Of this kind of attention."""
        where = () if self.kind == "decoder" else (self.kind,)
        return [head[:2] for head in self.scene.ablated if head[2:] == where]

    def focused(self) -> int | None:
        """Who looks in the flat picture, if that is who is in focus: the source's tokens are counted first."""
        first = 0 if self.kind == "encoder" else len(self.scene.tokens)
        at = -1 if self.scene.focus is None else self.scene.focus - first
        return at if 0 <= at < self.n else None

    def keys(self, places: Iterable[int], query: int | None = None) -> str:
        if self.kind != "cross":
            return super().keys(places, query)
        return self.phrase([self.key_token(i) for i in places])


FRESH, sides = Sides, lru_cache(maxsize=8)(Sides)


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
    assert ("slice" in f.told) == (width < f.config.d_model)
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


# --------------------------------------------------------------------------------------------------------------- Heads


@claim("heads.says.one_across", "heads.says.all_across")
def read_by(f: Sides, v: Values) -> None:
    n_layers, n_heads = f.patterns.shape[:2]
    assert crossing(f) and (v["layers"], v["heads"], v["n"]) == (n_layers, n_heads, n_layers * n_heads)
    assert (v["tokens"], v["keys"]) == (f.n, len(f.columns)) == f.patterns.shape[2:]
    assert ("one" in f.told) == (n_layers * n_heads == 1)


@claim("heads.says.chosen_across")
def chosen(f: Sides, v: Values) -> None:
    assert crossing(f) and near(v["entropy"], see.bits(f.of_head("pattern"))) and near(v["most"], see.bits(see.even(f)))
    assert v["place"].lower() == f.heads([(f.layer, f.head)])


# -------------------------------------------------------------------------------------------------------------- Fibres


def alight(f: Sides) -> dict[str, np.ndarray]:
    """kind -> [layer, head, row, column] of the layers that are lit: the encoder's first."""
    encoder = f.of_kind("encoder")
    total = encoder.config.n_layers + f.whole.n_layers
    lit = total if f.scene.layers_lit is None else min(f.scene.layers_lit, total)
    kinds = ("decoder", "cross") if "cross" not in f.scene.off else ("decoder",)
    rest = max(0, lit - encoder.config.n_layers)
    return {"encoder": light.given(encoder)[:lit]} | {kind: light.given(f.of_kind(kind))[:rest] for kind in kinds}


def layers_lit(f: Sides, v: Values) -> None:
    shown = alight(f)
    assert v["lit"] == len(shown["encoder"]) + len(shown["decoder"]) < v["n"]
    assert v["n"] == f.whole.n_encoder_layers + f.whole.n_layers


def counted(f: Sides, v: Values) -> None:
    weights = np.concatenate([a.ravel() for a in alight(f).values()])
    assert light.above(weights, f, v["above"]) and v["threshold"] == f.scene.threshold
    assert v["drawn"] == min(v["above"], 500)
    name = ("none", "one")[v["above"]] if v["above"] < 2 else "some" if v["drawn"] < v["above"] else "all"
    assert f.told == f"fibres.says.{name}"


def off(f: Sides, v: Values) -> None:
    assert v["n"] == len(f.scene.ablated) > 0


def unlit(f: Sides, v: Values) -> None:
    shown = alight(f)
    assert v["n"] == sum(a.shape[0] * a.shape[1] for a in shown.values()) > 0
    assert not any(a.any() for a in shown.values())


def cell(f: Sides, v: Values) -> None:
    across = f.of_kind("cross")
    across.words = f.words
    assert v["query"] in map(across.token, range(across.n)) and v["key"] in map(
        across.key_token, range(len(across.columns))
    )


OF_LIGHT = {"fibres.says.lit": layers_lit, "fibres.says.ablated": off, "heads.says.cell_in": cell} | {
    f"fibres.says.{name}": counted for name in ("none", "one", "all", "some")
}
OF_LIGHT["fibres.says.unlit"] = unlit


def crossings(f: Sides) -> tuple[Sides, np.ndarray, list[tuple]]:
    """All cross-attention that is lit and touches who is in focus, and its strongest."""
    across, a = f.of_kind("cross"), alight(f)["cross"]
    touched, n = np.ones(a.shape, bool), len(f.scene.tokens)
    if f.scene.focus is not None and f.scene.focus < n + across.n:
        touched &= (
            np.indices(a.shape)[3] == f.scene.focus
            if f.scene.focus < n
            else (np.indices(a.shape)[2] == f.scene.focus - n)
        )
    return across, a[touched], ties(a, 2, where=touched)


@claim("fibres.says.across", "fibres.says.across_alike")
def strongest_across(f: Sides, v: Values) -> None:
    across, a, best = crossings(f)
    across.words = f.words
    assert near(v["weight"], a[np.isfinite(a)].max()) and v["n"] == len(best)
    assert f.told.endswith("_alike") == (len(best) == np.isfinite(a).sum() > 1)
    if "looks" not in v:
        return
    form = {"en": "{} at {} in {}", "pt-BR": "de {} para {} na {}"}[f.words.lang]
    looks = [form.format(across.token(q), across.key_token(k), f.heads([(i, h)])) for i, h, q, k in best]
    assert v["looks"] == f.phrase(looks)


@claim("fibres.says.broken_somewhere")
def broken(f: Sides, v: Values) -> None:
    assert not all(np.isfinite(a).all() for a in alight(f).values())
