"""What Translate says, held against a translation of its own, written one forward pass a word, and the pairs that the
grammar writes."""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import exp, log
from typing import Any

import numpy as np

import core
from claims import Fresh, Values, claim, named_in, ties, told_as
from core import Interventions, Scene
from core.tasks import pair
from core.tasks.bilingual import ENGLISH, PORTUGUESE, Pair
from pictures import switch_effects
from pictures.translate import draw, fibres
from pictures.words import Words
from plots.tokens import literal

HERE = Scene(model="translator")
KNOWN = {words.words(language): words for words in map(pair, range(3000)) for language in (PORTUGUESE, ENGLISH)}
SEALS = "ontem as focas brancas viram o barco .", "yesterday the white seals saw the boat ."
BOTH = tuple(tuple(told.split()) for told in SEALS)
KNOWN |= dict.fromkeys(BOTH, Pair(*BOTH, frozenset(enumerate([0, 1, 3, 2, 4, 5, 6, 7]))))  # by hand
BACK = HERE.turn(sentence=SEALS[1])
MEETS = next(" ".join(words) for words in KNOWN if "perto" in words and len(KNOWN[words].crossing(ENGLISH)) == 2)
SEQ = Scene(model="seq2seq")
EVERY_HEAD = tuple((i, h, *kind) for i in range(2) for h in range(4) for kind in ((), ("cross",), ("encoder",)))
SCENES = [
    *(HERE.turn(words_translated=n) for n in (None, 1, 3)),
    *(HERE.turn(cross_layer=layer, cross_head=head) for layer, head in ((0, 1), (9, 9))),
    *(HERE.turn(attention_of=kind, words_translated=n) for kind in ("encoder", "decoder") for n in (None, 1)),
    *(HERE.turn(off=off, words_translated=3) for off in (("cross",), ("softmax",))),
    HERE.turn(off=("mask",), attention_of="decoder"),
    HERE.turn(off=("softmax",), attention_of="decoder", words_translated=2),
    HERE.turn(off=("softmax",), attention_of="encoder", cross_layer=1, cross_head=2),
    HERE.turn(off=("cross",), attention_of="decoder", words_translated=2),
    HERE.turn(off=("norm",), beam_width=2, temperature=3.0),
    HERE.turn(words_forced=((1, 343),), words_translated=1),
    HERE.turn(ablated=((1, 1, "encoder"), (1, 2, "cross")), cross_layer=1, cross_head=2, words_translated=3),
    HERE.turn(words_forced=((3, 298), (4, 9000), (40, 2))),
    HERE.turn(words_forced=((1, 5),), words_translated=1),
    *(BACK.turn(beam_width=width, words_translated=width) for width in (1, 8)),
    BACK.turn(off=("cross",), beam_width=1),
    HERE.turn(sentence=MEETS),
    HERE.turn(sentence="o gato zzz .", words_translated=2, beam_width=2),
    HERE.turn(sentence="."),
    SEQ.turn(sentence="um dois"),
    SEQ.turn(off=("cross",), sentence="um", words_translated=1, beam_width=2),
    SEQ.turn(sentence="um", words_translated=1, ablated=tuple((i, h, "cross") for i in range(2) for h in range(4))),
    SEQ.turn(sentence="um", attention_of="decoder", words_translated=1),
    SEQ.turn(sentence="um um", words_translated=1, off=("mlp", "residual"), ablated=EVERY_HEAD, beam_width=1),
]


def switched(scene: Scene, words: Words) -> str:
    return switch_effects.happened(scene, "cross", words)


BUILDERS = (fibres.fibres, fibres.board, fibres.heads, draw.choices, draw.beams, switched)


class Text:
    """A translation written anew: the source and all that was written go in whole, a word comes out."""

    def __init__(self, scene: Scene, off: tuple[str, ...] | None = None, forced: bool = True):
        self.scene, self.preset = scene, scene.preset
        self.config, self.params = scene.whole, scene.preset.params(scene.whole, scene.seed)
        change = Interventions(scene.temperature, scene.ablated, scene.off if off is None else off)
        given = dict(scene.words_forced) if forced else {}
        self.source, self.change = scene.encoding.ids, change
        tokens = list(scene.preset.tokenizer.tokens) if scene.preset.tokenizer else []
        self.end = tokens.index(".") if tokens else None
        self.ids, self.chances = [int(self.source[0])], list[np.ndarray]()
        for place in range(1, scene.config.n_ctx if tokens else len(scene.tokens) + 9):
            logits = self.run(self.ids)["logits"][-1].astype(np.float64)
            chance = np.exp(logits - logits.max())
            self.chances.append(chance / chance.sum())
            asked = given.get(place, self.config.vocab_size)
            self.ids.append(asked if asked < self.config.vocab_size else int(logits.argmax()))
            if self.ids[-1] == self.end:
                break
        self.trace = self.run(self.ids[:-1])

    def run(self, ids: list[int]) -> core.Trace:
        return core.forward(self.params, self.config, np.array(ids), source=self.source, interventions=self.change)

    @cached_property
    def likelihood(self) -> float:
        return exp(sum(log(chance[i]) for chance, i in zip(self.chances, self.ids[1:], strict=True)))

    @property
    def reached(self) -> int:
        return min(self.scene.words_translated or 99, len(self.chances))

    def name(self, id: int, f: Fresh) -> str:
        if self.preset.tokenizer:
            token = self.preset.tokenizer.tokens[id]
            return f.words("token.unknown") if token == "<unknown>" else token
        return next((t for t, i in zip(f.tokens, self.source, strict=True) if i == id), f"#{id}")

    def written(self, f: Fresh) -> list[str]:
        return [self.name(id, f) for id in self.ids[1:]]


@lru_cache(64)
def anew(scene: Scene, off: tuple[str, ...] | None = None, forced: bool = True) -> Text:
    return Text(scene, off, forced)


def text(f: Fresh) -> Text:
    return anew(f.scene)


def patterns(f: Fresh) -> np.ndarray:
    """[layer, head, row, column] of what is looked at, of all rows."""
    kind, c = f.scene.attention_of, f.config
    at = {"cross": "blocks.{}.cross", "encoder": "encoder.blocks.{}.attn", "decoder": "blocks.{}.attn"}[kind]
    n = c.n_encoder_layers if kind == "encoder" else c.n_layers
    return np.array([text(f).trace[f"{at.format(i)}.pattern"] for i in range(n)]).astype(np.float64)


def shown(f: Fresh) -> tuple[int, int]:
    """The head: as chosen, or the one whose rows have the greatest peaks."""
    a = patterns(f)
    if f.scene.cross_layer is not None:
        return min(f.scene.cross_layer, a.shape[0] - 1), min(f.scene.cross_head, a.shape[1] - 1)
    return max(np.ndindex(a.shape[:2]), key=lambda at: np.mean([max(row) for row in a[at]]))


def look(f: Fresh, v: Values) -> np.ndarray:
    assert (v["layer"], v["head"]) == shown(f)
    return patterns(f)[shown(f)]


def stems(f: Fresh) -> dict[int, set[int]]:
    """Of the written words that are right: the places in the source, as the pair that the grammar wrote links them."""
    told = KNOWN.get(tuple(f.tokens[1:]))
    if told is None:
        return {}
    into = ENGLISH if f.tokens[0] == "<en>" else PORTUGUESE
    links = told.links if into == ENGLISH else {(b, a) for a, b in told.links}
    own, done = told.words(into), text(f).written(f)[: text(f).reached]
    right = [t for t, word in enumerate(done) if t < len(own) and own[t] == word]
    return {t: {s + 1 for s, place in links if place == t} for t in right}


def rows(f: Fresh) -> list[str]:
    written = text(f).written(f)[: text(f).reached]
    return written if f.scene.attention_of == "cross" else [f.tokens[0], *written][: text(f).reached]


def named(tokens: list[str], places: Any, f: Fresh) -> str:
    return f.phrase([named_in(tokens, i, f.words.lang) for i in places])


@claim("translate.says.looks", "translate.says.looks_back")
def looks(f: Fresh, v: Values) -> None:
    last = text(f).reached - 1
    a = look(f, v)[last]
    columns = list(f.tokens)
    if f.scene.attention_of == "decoder":
        seen = last + 1 if f.config.causal else len(a)
        a, columns = a[:seen], [f.tokens[0], *text(f).written(f)][: seen if f.config.causal else -1]
    assert v["token"] == named_in(rows(f), last, f.words.lang)
    assert abs(v["weight"] - a.max()) < 1e-6
    found = [place for (place,) in ties(100 * a, 1)]
    assert v["keys"] == named(columns, found, f)
    assert len(found) < len(a) or len(a) == 1
    assert (f.scene.attention_of == "decoder") == told_as(f, "In the decoder", "No decoder")


@claim("translate.says.looks_alike", "translate.says.looks_back_alike")
def alike(f: Fresh, v: Values) -> None:
    last = text(f).reached - 1
    a = look(f, v)[last][: last + 1 if f.scene.attention_of == "decoder" and f.config.causal else None]
    assert v["token"] == named_in(rows(f), last, f.words.lang) and len(a) > 1
    assert abs(v["weight"] - a.max()) < 1e-6 and len(ties(100 * a, 1)) == len(a)
    assert (f.scene.attention_of == "decoder") == told_as(f, "In the decoder", "No decoder")


@claim("translate.says.sharpest_alike")
def nothing_sharp(f: Fresh, v: Values) -> None:
    a = look(f, v)
    assert len(ties(100 * a, 1)) == a.size > 1 and abs(v["weight"] - a.max()) < 1e-6


@claim("translate.says.sharpest")
def sharpest(f: Fresh, v: Values) -> None:
    a = look(f, v)
    assert len(ties(100 * a, 1)) < a.size or a.size == 1
    found = ties(100 * a, 1)
    assert abs(v["weight"] - a.max()) < 1e-6 and v["n"] == len(found)
    at = {"en": "{} at {}", "pt-BR": "{} para {}"}[f.words.lang]
    name = [named_in(f.tokens, i, f.words.lang) for i in range(f.n)]
    assert v["pairs"] == f.phrase([at.format(name[q], name[k]) for q, k in found])


@claim("translate.says.pair")
def pairs(f: Fresh, v: Values) -> None:
    a = patterns(f)[shown(f)]
    names = [named_in(f.tokens, i, f.words.lang) for i in range(f.n)]
    assert (names.index(v["query"]), names.index(v["key"])) in ties(100 * a, 1)


@claim("translate.says.stems")
def stem(f: Fresh, v: Values) -> None:
    found = sorted(stems(f)[text(f).reached - 1])
    assert v["stems"] == named(list(f.tokens), found, f) and v["n"] == len(found)


@claim("translate.says.crossed")
def crossed(f: Fresh, v: Values) -> None:
    into = ENGLISH if f.tokens[0] == "<en>" else PORTUGUESE
    truth = KNOWN[tuple(f.tokens[1:])].truth(into)
    found = [
        t for t in stems(f) if any((t - u) * (min(truth[t]) - min(truth[u])) < 0 for u in truth if len(truth[u]) == 1)
    ]
    assert found and v["tokens"] == named(rows(f), found, f)


@claim("translate.says.off")
def off(f: Fresh, v: Values) -> None:
    other = f.scene.turn(sentence="o pinguim dorme no gelo ." if f.tokens[0] == "<en>" else "the seal is happy .")
    free = f.scene.turn(words_forced=())
    assert not f.config.cross and anew(other).ids == anew(free).ids and other.tokens[0] == f.tokens[0]


@claim("translate.says.off_bare", "translate.says.nothing_seen", "translate.says.no_heads")
def bare(f: Fresh, v: Values) -> None:
    assert not f.config.cross and not any("cross" in name for name in text(f).trace)
    missing = {fibres.fibres: "off_bare", fibres.board: "nothing_seen", fibres.heads: "no_heads"}  # what each draws
    assert f.told == f"translate.says.{missing[f.at_builder]}"


@claim("translate.says.head_off")
def head_off(f: Fresh, v: Values) -> None:
    kind, (layer, head) = f.scene.attention_of, shown(f)
    at = {"cross": "blocks.{}.cross.z", "encoder": "encoder.blocks.{}.attn.z", "decoder": "blocks.{}.attn.z"}[kind]
    assert not text(f).trace[at.format(layer)][head].any() and patterns(f)[layer, head].any()


@claim("translate.says.score")
def score(f: Fresh, v: Values) -> None:
    a = patterns(f)[shown(f)]
    right = [place for place, found in stems(f).items() if int(a[place].argmax()) in found]
    assert v["right"] == len(right) and v["n"] == len(stems(f)) > 0


@claim("translate.says.too_early")
def early(f: Fresh, v: Values) -> None:
    assert tuple(f.tokens[1:]) in KNOWN and not stems(f) and text(f).reached < len(text(f).chances)


@claim("translate.says.exact", "translate.says.other")
def own(f: Fresh, v: Values) -> None:
    into = ENGLISH if f.tokens[0] == "<en>" else PORTUGUESE
    told = KNOWN[tuple(f.tokens[1:])].words(into)
    assert v["own"] == " ".join(told) and text(f).reached == len(text(f).chances)
    assert (tuple(text(f).written(f)) == told) == (not told_as(f, "is another", "é outra"))


@claim("translate.says.no_truth")
def unknown(f: Fresh, v: Values) -> None:
    assert f.scene.model == "seq2seq" or tuple(f.tokens[1:]) not in KNOWN


@claim("translate.says.kind_encoder")
def both_ways(f: Fresh, v: Values) -> None:
    assert f.scene.attention_of == "encoder" and not f.config.encoder.causal


@claim("translate.says.kind_decoder", "translate.says.kind_unmasked")
def one_way(f: Fresh, v: Values) -> None:
    later = np.triu(patterns(f), 1).any()
    assert f.scene.attention_of == "decoder" and ("mask" in f.scene.off) == told_as(f, "Without", "Sem")
    assert later <= ("mask" in f.scene.off)


def right_by_head(f: Fresh) -> np.ndarray:
    a = patterns(f)
    shares = np.zeros(a.shape[:2])
    for at in np.ndindex(shares.shape):
        shares[at] = np.mean([int(a[at][t].argmax()) in found for t, found in stems(f).items()])
    return shares


@claim("translate.says.best_heads", "translate.says.best_heads_alike")
def best(f: Fresh, v: Values) -> None:
    among(f, v, right_by_head(f))


@claim("translate.says.sharp_heads", "translate.says.sharp_heads_alike")
def sharp(f: Fresh, v: Values) -> None:
    assert f.scene.attention_of != "cross" or not stems(f)
    n = None if f.scene.attention_of == "encoder" else text(f).reached
    among(f, v, patterns(f)[:, :, :n].max(-1).mean(-1))


def among(f: Fresh, v: Values, shares: np.ndarray) -> None:
    found = ties(100 * shares, 1)
    assert abs(v["share"] - shares.max()) < 1e-6 and v["n"] == len(found) and v["heads"] == f.heads(found)
    assert (len(found) == shares.size) == told_as(f, "All heads", "Todas as cabeças")


def share(f: Fresh, value: float) -> str:
    return draw.share(value, f.words)


def quoted(f: Fresh, id: int) -> str:
    return f"“{text(f).name(id, f)}”"


@claim("translate.says.likeliest", "translate.says.likeliest_tie", "translate.says.forced")
def likeliest(f: Fresh, v: Values) -> None:
    chance, id = text(f).chances[text(f).reached - 1], text(f).ids[text(f).reached]
    assert v["token"] == quoted(f, id) and v["share"] == share(f, chance[id])
    forced = (text(f).reached, id) in f.scene.words_forced
    assert f.told.endswith("forced") == forced
    if forced:
        assert v["own"] == quoted(f, int(chance.argmax())) and v["own_share"] == share(f, chance.max())
    else:
        assert v["n"] == int((chance >= chance.max() * (1 - 1e-6)).sum()) and chance[id] == chance.max()
        assert (v["n"] > 1) == told_as(f, "comes first among them", "é a primeira delas")


@claim("translate.says.beam")
def beam(f: Fresh, v: Values) -> None:
    ids, found = searched(f)
    assert v["text"] == " ".join(text(f).name(id, f) for id in ids) and v["share"] == share(f, found)
    assert v["n"] == f.scene.beam_width


def searched(f: Fresh) -> tuple[tuple[int, ...], float]:
    """The best text of a beam, and its probability: every open text goes in whole, one at a time."""
    t = text(f)
    if "_beam" in vars(f):
        return vars(f)["_beam"]
    kept: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for _ in range(f.config.n_ctx - 1 if t.end is not None else f.n + 8):
        found = [(s, ids) for s, ids in kept if ids and ids[-1] == t.end]
        for s, ids in kept:
            if not ids or ids[-1] != t.end:
                z = t.run([t.ids[0], *ids])["logits"][-1].astype(np.float64)
                logs = z - z.max() - np.log(np.exp(z - z.max()).sum())
                found += [(s + logs[i], (*ids, int(i))) for i in np.argsort(-logs, kind="stable")[:16]]
        kept = sorted(found, key=lambda one: -one[0])[: f.scene.beam_width]
        if all(ids[-1] == t.end for _, ids in kept):
            break
    vars(f)["_beam"] = kept[0][1], exp(kept[0][0])
    return vars(f)["_beam"]


@claim("translate.says.beam_greedy", "translate.says.beam_other")
def greedy(f: Fresh, v: Values) -> None:
    free = anew(f.scene, forced=False)
    same = tuple(free.ids[1:]) == searched(f)[0]
    assert f.told.endswith("greedy") == same and (same or v["share"] == share(f, free.likelihood))


@claim("translate.beam_hover")
def node(f: Fresh, v: Values) -> None:
    assert v["score"] <= 1e-9 and v["share"] == share(f, exp(v["score"]))
    hovers = f.picture.figure["data"][0]["hovertext"]
    assert any(hover.startswith(literal(v["text"]) + ": ") for hover in hovers)


@claim("switches.happened.writes", "switches.happened.writes_alike")
def writes(f: Fresh, v: Values) -> None:
    off = [part for part in f.scene.off if part != "cross"]
    texts = [anew(f.scene, tuple(off + more), False).written(f) for more in ([], ["cross"])]
    assert [v["has"], v["lacks"]] == [" ".join(words) for words in texts]
    assert v["part"] == f.words("switches.parts.cross")
    assert (texts[0] == texts[1]) == told_as(f, "the same:", "o mesmo:")
