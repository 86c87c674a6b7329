"""Every computed sentence is a claim. Here a claim is held against the arrays of a fresh run, by other arithmetic.

A builder is called with a `Recorder`, Words that keep what they were asked to say: (key, values). For each key stands
a function in a module beside this one, registered with `@claim(key, ...)`, that computes what the values must be, and
asserts that the sentence holds at all, from `Fresh`: a run of its own. A key that says something and has no such
function fails.

To add a page: a module here with its BUILDERS and claims, and its name in tests/test_claims.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from math import floor, log10
from typing import Any

import numpy as np

import core
from core import Scene
from core.config import CHOICES
from core.interventions import PARTS
from pictures.words import Words, words_of

Values = dict[str, Any]
CLAIMS: dict[str, Callable[[Fresh, Values], None]] = {}
# Sentences with no space between them, or two; the name of a parameter, such as embed.W_E, is none.
RUN_TOGETHER = re.compile(r"[\w%)”»][.!?](?![A-Z]_)[A-ZÀ-Ý“]|[.!?] {2,}")
# Keys that say something even without values.
SPOKEN = re.compile(
    r".*\.(says|reads|label|looks|counts|happened)\..*|compare\.(nothing|lost)"
    r"|generate\.(broken|lens\.none|loss\.(none|full|exploded))"
)
NAMES = {
    "quoted",
    "placed",
    "choice",
    "heads.place",
    "heads.the",
    "heads.many",
    "attention.reads.others",
    "million",
    "generate.lens.after",
    "reading.ranked.head",
    "cause.place",
    "cause.mlp",
    "patch.from",
    *(f"patch.{name}" for name in ("resid_pre", "head", "every_head", "mlp_out", "at")),
    *(f"patch.in.{stack}" for stack in ("encoder", "cross", "decoder")),
    "backward.places.behind",
    *(f"explain.{name}" for name in ("length", "gradient", "parameter", "other", "put", "without", "whole")),
    *(f"explain.{name}" for name in ("share", "answer", "blank", "way")),
    *(f"generate.votes.{part}" for part in ("head", "mlp_out", "b_O", "embed", "pos_embed", "ln_embed", "ln_final")),
    *(
        f"generate.votes.{part}"
        for part in ("unembed", "others", "bar_head", "bar_word", "bar_mlp_out", "bar_b_O", "bar_ln_final")
    ),
    *(f"explain.at.{axis}" for axis in ("pos", "layer", "head", "kv_head", "d_model", "d_head", "d_mlp", "step")),
}


class Recorder(Words):
    """Words that keep every (key, values) they were asked for, and share no cache: what is kept is not heard."""

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __init__(self, lang: str):
        super().__init__(lang)
        self.said: list[tuple[str, Values]] = []

    def __call__(self, key: str, /, **values: Any) -> str:
        self.said.append((key, values))
        return super().__call__(key, **values)

    def claimed(self) -> list[tuple[str, Values]]:
        """What was claimed: all that has values or is spoken, but for names and for what is no sentence."""
        return [(k, v) for k, v in self.said if k not in NAMES and (v or SPOKEN.fullmatch(k))]


def claim(*keys: str) -> Callable:
    """Register a function as what tells whether these keys are true: (fresh, values), asserting."""

    def register(check: Callable[[Fresh, Values], None]) -> Callable[[Fresh, Values], None]:
        for key in keys:
            assert key not in CLAIMS, key
            CLAIMS[key] = check
        return check

    return register


def heard(scene: Any, builders: Iterable[Callable], lang: str, fresh: Fresh) -> Iterator[Recorder]:
    """Call each builder, of a Scene or a View: what it was heard to say, with `fresh` told who speaks."""
    for builder in builders:
        words = Recorder(lang)
        if hasattr(builder, "cache"):  # what was said before would not be heard
            builder.cache.clear()
        told = builder(scene, words)
        says = told if isinstance(told, str) else " ".join(told) if isinstance(told, list) else told.says
        assert "{" not in says.replace("{0}", "") and not re.search(r"\b(nan|inf)\b", says), (builder, says)
        assert says == says.strip() and not RUN_TOGETHER.search(says), (builder, says)
        fresh.words, fresh.says, fresh.picture, fresh.at_builder = words_of(lang), says, told, builder
        yield words


def check(scene: Any, builders: Iterable[Callable], lang: str, fresh: Fresh) -> set[str]:
    """Hold what the builders say against `fresh`; the keys of all that was held."""
    held = set()
    for words in heard(scene, builders, lang, fresh):
        for key, values in words.claimed():
            assert key in CLAIMS.keys() | fresh.claims.keys(), f"{key}: nothing says when this is true"
            try:
                hold(fresh, key, values)
            except AssertionError as error:
                raise AssertionError(f"{key} {values}\n{fresh.says}\n{fresh.scene.to_query()}\n{error}") from error
            held.add(key)
    return held


def hold(fresh: Fresh, key: str, values: Values) -> None:
    """Assert that this is true."""
    fresh.told = key
    (fresh.claims.get(key) or CLAIMS[key])(fresh, values)


# --------------------------------------------------------------------------------------------------- the other reading


# Each value of a sentence is altered in turn, and held against the same runs again.
ran = lru_cache(maxsize=32)(core.run)


@lru_cache(maxsize=512)
def last_of(scene: Scene) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer."""
    name = f"blocks.{scene.config.n_layers - 1}.resid_post"
    return core.run(scene, names=[name]).trace[name].astype(np.float64)


class Fresh:
    """A run of a Scene of its own, its arrays in float64, and small arithmetic to read them with."""

    claims: Mapping[str, Callable[[Any, Values], None]] = {}  # of keys that mean another thing to its builders
    hides = False  # whether its maps leave some tokens out
    prefix, crosses = "", False  # of the names in its stack's trace; whether the crossing is looked at
    entries = "ln1.out", "resid_pre"  # what enters attention: where a norm comes first, and where none does

    def __init__(self, scene: Scene):
        self.scene, self.config, self.tokens, self.n = scene, scene.config, scene.tokens, len(scene.tokens)
        self.columns = self.tokens  # who is looked at
        self.run = ran(scene)
        (self.query, self.key), (self.layer, self.head) = scene.cell, scene.place
        self.words, self.says = words_of("en"), ""
        self.told = ""  # the key of the sentence that is held against it: some claims are of several

    @cached_property
    def before(self) -> Fresh:
        """Of the pinned Scene, looked at as this one is."""
        return Fresh(self.scene.before)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.run.trace[name].astype(np.float64)

    def attention(self, layer: int) -> str:
        """What the names of this layer's attention begin with."""
        return f"blocks.{layer}.attn."

    def block(self, layer: int) -> str:
        """What the names of this layer's arrays begin with."""
        return f"blocks.{layer}."

    def at(self, name: str) -> np.ndarray:
        """An array of the chosen layer."""
        return self[self.block(self.layer) + name]

    @cached_property
    def others(self) -> np.ndarray:
        """[query, key]: what a look at another token may see."""
        return self.seen & ~np.eye(self.n, dtype=bool)

    def switched(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """The heads that are off, or else the chosen one; and what leaves the last layer with and without them."""
        places = self.scene.ablated or ((self.layer, self.head),)
        if self.scene.patch and not self.scene.ablated:
            return places, self.last, self.emptied(self.layer, self.head)
        return places, *(last_of(self.scene.turn(ablated=off)) for off in ((), places))

    def emptied(self, layer: int, head: int) -> np.ndarray:
        """What leaves the last layer when a head gives nothing, and all else that was put in stays as it is."""
        name, change = f"blocks.{layer}.attn.z", self.run.trace.interventions
        z = np.array(self.run.trace[name])
        z[head] = 0
        change = replace(change, patch={**change.patch, name: z})
        after = core.forward(self.run.params, self.config, embeddings=self.run.embeddings, interventions=change)
        return after[f"blocks.{self.config.n_layers - 1}.resid_post"].astype(np.float64)

    @property
    def leaving(self) -> Sequence[str]:
        """The tokens whose output that is."""
        return self.tokens

    def of_head(self, name: str) -> np.ndarray:
        """The chosen head's slice of an array of attention; of keys and values, that of its group."""
        x = self[self.attention(self.layer) + name]
        return x[self.head // (self.config.n_heads // len(x))]

    @cached_property
    def patterns(self) -> np.ndarray:
        return np.array([self[self.attention(i) + "pattern"] for i in range(self.config.n_layers)])

    @cached_property
    def seen(self) -> np.ndarray:
        """[query, key]: who may look at whom."""
        causal, n = self.config.causal, len(self.columns)
        return np.array([[k <= q or not causal for k in range(n)] for q in range(self.n)])

    @property
    def last(self) -> np.ndarray:
        """[pos, d_model]: what leaves the last layer of the stack that looks."""
        return self[self.block(self.config.n_layers - 1) + "resid_post"]

    @cached_property
    def on(self) -> list[tuple[int, int]]:
        places = [(i, h) for i in range(self.config.n_layers) for h in range(self.config.n_heads)]
        return [place for place in places if place not in self.scene.ablated]

    def place_is_on(self) -> bool:
        return (self.layer, self.head) in self.on

    def without(self, *places: tuple[int, int]) -> np.ndarray:
        """[pos]: by how much of its length each output moves when these heads are off too."""
        return moved(self.last, last_of(self.scene.turn(ablated={*self.scene.ablated, *places})))

    def rest(self, z: np.ndarray) -> np.ndarray:
        """`last` when the chosen layer's heads give z [head, pos, d_head]: plain arithmetic from there on."""
        from core.model import after_attention, block, merge
        from core.trace import Trace

        change, config = self.run.trace.interventions, self.config
        unseen, params = Trace((), interventions=change), {n: x.astype(np.float64) for n, x in self.run.params.items()}
        x = merge(z, params, config, self.layer, change)
        x = after_attention(self.at("resid_pre"), x, params, config, self.layer, unseen)
        for i in range(self.layer + 1, config.n_layers):
            x = block(x, params, config, i, unseen)
        return x

    def patterns_on(self, ids: np.ndarray) -> np.ndarray:
        """[layer, head, query, key] on other tokens."""
        trace = core.forward(self.run.params, self.config, ids, interventions=self.scene.interventions)
        return np.array([trace[self.attention(i) + "pattern"] for i in range(self.config.n_layers)])

    # ---------------------------------------------------------------------------------------------- in words

    def token(self, i: int) -> str:
        """A token as a sentence names it."""
        return named_in(self.tokens, i, self.words.lang)

    def key_token(self, i: int) -> str:
        """The same of who is looked at."""
        return named_in(self.columns, i, self.words.lang)

    def keys(self, places: Iterable[int], query: int | None = None) -> str:
        """Several that are looked at; the one that looks, if told, as itself."""
        return self.named(places, itself=self.query if query is None else query)

    def focused(self) -> int | None:
        """Who is in focus, as one that looks."""
        return None if self.scene.focus is None or self.scene.focus >= self.n else self.scene.focus

    def phrase(self, names: list[str]) -> str:
        if len(names) > 5:
            names = [*names[:4], f"{len(names) - 4} others" if self.words.lang == "en" else f"mais {len(names) - 4}"]
        joint = {"en": " and ", "pt-BR": " e "}[self.words.lang]
        return joint.join(filter(None, (", ".join(names[:-1]), names[-1])))

    def named(self, places: Iterable[int], itself: int | None = None) -> str:
        me = {"en": "itself", "pt-BR": "si"}[self.words.lang]
        return self.phrase([me if i == itself else self.token(i) for i in places])

    def heads(self, places: Iterable[tuple[int, ...]], the: bool = False) -> str:
        form = {"en": "head {} of layer {}", "pt-BR": ("a " if the else "") + "cabeça {} da camada {}"}[self.words.lang]
        return self.phrase([form.format(place[1], place[0]) for place in places])


def named_in(tokens: Sequence[str], i: int, lang: str) -> str:
    twice = len([t for t in tokens if t == tokens[i]]) > 1
    seen = re.sub(r"^ +| +$", lambda blanks: "␣" * len(blanks[0]), tokens[i])
    seen = "<desconhecido>" if (seen, lang) == ("<unknown>", "pt-BR") else seen
    return f"“{seen}”" + (f" ({'position' if lang == 'en' else 'posição'} {i})" if twice else "")


def moved(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[pos]: |after - before| / |before|; 0 where nothing moved."""
    with np.errstate(all="ignore"):
        change, size = (np.sqrt((x**2).sum(-1)) for x in (after - before, before))
        return np.where(change == 0, 0, change / size)


def ties(values: np.ndarray, decimals: int | None = 2, sign: int = 1, where: np.ndarray | None = None) -> list[tuple]:
    """The places whose number is written as the greatest is (sign -1: the least), or is equal but for rounding."""
    kept = np.isfinite(values) & (np.ones(values.shape, bool) if where is None else where)
    best = max(sign * values[kept].ravel()) * sign
    size = np.abs(values[kept]).max()

    def alike(x: float) -> bool:
        close = abs(x - best) <= 1e-6 * size
        return bool(close or (decimals is not None and f"{x:.{decimals}f}" == f"{best:.{decimals}f}"))

    return [place for place in np.ndindex(values.shape) if kept[place] and alike(float(values[place]))]


def alike(values: np.ndarray, sign: int = 1) -> list[tuple]:
    """As `ties`, where numbers are written with fewer digits the larger they are, and with powers of ten."""

    def written(x: float) -> str:
        size = abs(x)
        return f"{x:.1e}" if 0 < size < 0.01 or size >= 1e5 else f"{x:.2f}" if size < 1000 else f"{x:.0f}"

    kept = np.isfinite(values)
    best = max(sign * values[kept]) * sign
    noise = 1e-6 * np.abs(values[kept]).max()
    close = [p for p in np.ndindex(values.shape) if kept[p] and abs(values[p] - best) <= noise]
    return [p for p in np.ndindex(values.shape) if p in close or (kept[p] and written(values[p]) == written(best))]


def pinned_number(text: str, expected: float, lang: str, rel: float = 1e-5) -> bool:
    """Does a text that is a number hold this one as closely as its own digits tell?"""
    (found,) = read(text, lang)
    exponent = floor(log10(abs(found))) if found else 0
    point = "," if lang == "pt-BR" else "."
    decimals = len(text.split("×")[0].strip().partition(point)[2])
    step = 10.0 ** (-decimals + (exponent if "×" in text else 0))
    return abs(found - expected) <= 0.501 * step + rel * abs(expected)


def stages(f: Fresh) -> np.ndarray:
    """[stage, pos, d_model]: the embeddings, and every layer's output for as long as all of it is finite."""
    found = [f["blocks.0.resid_pre"]]
    for i in range(f.config.n_layers):
        if not np.isfinite(x := f[f"blocks.{i}.resid_post"]).all():
            break
        found.append(x)
    return np.array(found)


def near(found: float, expected: float, rel: float = 2e-4) -> bool:
    return bool(abs(found - expected) <= rel * abs(expected) + 2e-6)


def read(text: str, lang: str) -> list[float]:
    """The numbers in a text of this language, with their thousands and powers of ten."""
    powers = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    thousands, point = (".", ",") if lang == "pt-BR" else (",", ".")
    found = re.findall(rf"−?\d+(?:\{thousands}\d{{3}})*(?:\{point}\d+)?(?:\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?", text)
    plain = (x.replace("−", "-").replace(thousands, "").replace(point, ".") for x in found)
    return [float(re.sub(r"\s×\s10", "e", x).translate(powers)) for x in plain]


def told_as(f: Any, english: str, portuguese: str) -> bool:
    """Whether what is said has a match of this pattern, the one of its language."""
    return re.search(english if f.words.lang == "en" else portuguese, f.says) is not None


def written_as(text: str, expected: float | np.ndarray, lang: str) -> bool:
    """Does a text hold these numbers, in order, as closely as it writes them?"""
    found, expected = read(text, lang), np.ravel(expected)
    close = [
        abs(a - b) <= 0.00501 + (0.06 * abs(b) if abs(b) >= 9999 or abs(b) < 0.01 else 0)
        for a, b in zip(found, expected, strict=False)
    ]
    return len(found) == len(expected) and all(close)


# --------------------------------------------------------------------------------------------------------------- Scenes


HELD: list[core.presets.Preset] = []  # models live as long as somebody holds them


def brought(model: str, config: Values | None = None, more: Values | None = None, **arrays: np.ndarray) -> str:
    """The name of a model that somebody brings: a shipped one with these of its Config and arrays altered, their names
    written with _ for the point; and with `more` arrays."""
    own = core.PRESETS[model]
    learned = {name: arrays.get(name.replace(".", "_"), p) for name, p in own.learned.items()} | (more or {})
    about = {"title": f"{model} {len(HELD)}", "config": own.config.replace(**config or {}), "source": lambda: learned}
    name, preset = core.presets.register(replace(own, **about))
    HELD.append(preset)
    return name


def without_a_word(model: str, token: str) -> str:
    """The same with no number in a token's embedding."""
    own = core.PRESETS[model]
    table = np.array(own.learned["embed.W_E"])
    table[[*own.tokenizer.tokens].index(token)] = np.nan
    return brought(model, embed_W_E=table)


def poisoned(model: str, array: str) -> str:
    """The same with an array of which no number is left."""
    whole = core.PRESETS[model].learned[array]
    return brought(model, **{array.replace(".", "_"): np.full_like(whole, np.nan)})


def any_scenes(n: int, seed: int = 0) -> list[Scene]:
    """Small Scenes of every kind: ties, one token, repeated ones, heads off, masks, trained, pinned, exploded."""
    draw, scenes = random.Random(seed), []
    while len(scenes) < n:
        model = draw.choice(
            ["penguins", "penguins", "encoder", "encoder", "encoder_full", "gpt", "gpt", "induction", "stories"]
        )
        text = " ".join(
            draw.choices(["o", "gato", "viu", "o", "<b>", "rato", "$x$"], k=draw.choice([1, 1, 2, 3, 5, 7]))
        )
        scene = Scene(model=model, sentence=draw.choice(["", text, text]), seed=draw.randint(0, 9))
        if model not in ("penguins",) and not scene.preset.trained:
            scene = scene.turn(split=draw.choice(["words", "words", "characters"]))
            scene = scene.override(
                **dict(n_layers=draw.randint(1, 3), d_model=draw.choice([8, 16]), n_heads=draw.choice([1, 2, 4])),
                **dict(d_mlp=draw.choice([0, 4, 16]), causal=draw.random() < 0.5),
                **dict(positions=draw.choice(["none", "sinusoidal", "rotary"]), residual=draw.random() < 0.6),
                **dict(norm=draw.choice(CHOICES["norm"]), init=draw.choice(["scaled", "unit"])),
            )
        scene = scene.turn(
            off=tuple(sorted(draw.sample(PARTS, draw.choice([0, 0, 0, 1, 2])))),
            temperature=draw.choice([0.05, 0.5, 1.0, 1.0, 3.0, 20.0]),
            **dict(layer=draw.randint(0, 2), head=draw.randint(0, 3), query=draw.randint(0, 6), key=draw.randint(0, 6)),
            **dict(
                dimension=draw.randint(0, 7),
                threshold=draw.choice([0.0, 0.1, 0.5, 0.9]),
                second_norm=draw.random() < 0.5,
            ),
            **dict(
                drift_3d=draw.random() < 0.3,
                drift_stage=draw.choice([None, None, 0, 1]),
                focus=draw.choice([None, None, 0, 2]),
            ),
        )
        heads = [(i, h) for i in range(scene.config.n_layers) for h in range(scene.config.n_heads)]
        scene = scene.turn(ablated=tuple(draw.choice([(), (), draw.sample(heads, draw.randint(1, len(heads))), heads])))
        scenes.append(scene.pin().turn(temperature=2.0) if draw.random() < 0.15 else scene)
    exploded, gone = Scene(model="encoder").override(n_layers=12, d_model=64), {"norm": "none", "init": "unit"}
    edges = [
        *(exploded.turn(layer=11), exploded.turn(layer=6), exploded.turn(layer=5, sentence="um")),
        Scene(model="gpt").override(n_layers=12, residual=False, **gone),
        *(Scene(model="encoder", ablated=off).override(n_layers=6, d_mlp=1, d_model=16) for off in ((), ((0, 0),))),
        Scene(model="gpt", ablated=tuple((i, h) for i in range(4) for h in range(4)), layer=3, query=4),
        Scene(model="induction", layer=1, head=1),
        *(Scene(query=query) for query in range(5)),
    ]
    return [*scenes[: n - len(edges)], *edges]
