"""What Backward says, against a backward pass of its own, and AdamW's first step as its paper writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

import core
from claims import Fresh, Values, any_scenes, claim, named_in, near, pinned_number
from core import Scene
from pictures import backward, compare_backward, descent, loss_choice, mirror
from pictures.compute import Picture
from pictures.words import Words

GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, d_mlp=16)
TWO = Scene(model="translator")
SCENES = [
    Scene(),
    Scene(model="stories", learning_rate=0.01),
    Scene(model="stories", loss_position=1, off=("residual",)),
    *(GPT.turn(seed=seed, loss_position=seed, learning_rate=0.1) for seed in range(3)),
    GPT.turn(off=("norm", "residual")),
    GPT.override(n_layers=7, norm="none", d_mlp=0).turn(ablated=tuple((i, h) for i in range(7) for h in range(4))),
    GPT.turn(off=("softmax",)),
    GPT.turn(edits=((1, 2, 3.0),)),
    GPT.turn(sentence="um"),
    GPT.override(n_layers=12, residual=False, norm="none", init="unit"),
    GPT.pin().turn(off=("residual",), loss_position=2),
    GPT.override(n_layers=5, norm="none").pin().override(n_layers=2),
    GPT.turn(sentence="um").pin().turn(sentence="um dois"),
    Scene(model="seq2seq", sentence="um um", off=("positions",), loss_position=1),
    Scene(model="seq2seq", sentence="um"),
    GPT.turn(off=("softmax",)).pin().turn(off=()),
    GPT.override(init="unit", norm="none").turn(learning_rate=0.1),
    Scene(model="seq2seq").override(init="unit", norm="none").pin().override(norm="layer"),
    *(scene for scene in any_scenes(40, seed=5) if scene.model == "gpt"),
    TWO,
    TWO.turn(loss_position=3, loss_token=40, ablated=((0, 1, "cross"), (1, 2, "encoder")), learning_rate=0.01),
    TWO.turn(off=("cross",), loss_position=64, sentence="<pt> yesterday the seal slept ."),
    Scene(model="seq2seq", sentence="um", loss_position=1, loss_token=9999).pin().turn(temperature=3.0),
    TWO.turn(pinned=GPT.computed),
    *(
        GPT.turn(patch=patch, patch_source="o rato viu o gato", learning_rate=0.1, **more)
        for patch, more in (
            (("blocks.0.resid_pre", (3,)), {}),
            (("blocks.0.resid_pre", ()), {}),
            (("blocks.1.attn.z", (2,)), {"loss_position": 1}),
            (("blocks.1.attn.z", (1, 3)), {"loss_position": 1}),
            (("blocks.1.mlp_out", (2,)), {"off": ("residual",)}),
        )
    ),
    *(
        TWO.turn(patch=patch, patch_source="uma foca viu a onda .", sentence="o pinguim viu a onda .", **more)
        for patch, more in (
            (("encoder.blocks.1.resid_pre", (2,)), {}),
            (("blocks.0.cross.z", (1,)), {"loss_position": 2, "loss_token": 40}),
            (("blocks.1.resid_pre", (15,)), {}),
        )
    ),
    GPT.turn(patch=("blocks.0.mlp_out", ()), patch_source="o rato viu o gato").pin().turn(patch=None),
]


def beside(scene: Scene, words: Words) -> Picture | str:
    """What the page says where something is pinned."""
    return compare_backward.lengths(scene, words) if scene.pinned else ""


def by_source_word(scene: Scene, words: Words) -> Picture | str:
    """What the page says of an encoder, where there is one."""
    return backward.by_source_word(scene, words) if scene.config.n_encoder_layers else ""


BUILDERS = (backward.lengths, backward.by_word, by_source_word, descent.step, mirror.says, beside)


class Way:
    """Loss and gradients of a Scene; mean or of one position."""

    def __init__(self, scene: Scene):
        self.scene = loss_choice.asked(scene)
        run = core.run(self.scene)
        self.run, self.ids, self.tokens = run, run.encoding.ids, run.tokens
        self.right, self.stacks, self.written = [*self.ids[1:].tolist()], [""], ()
        if run.target is not None:  # what was written is right
            self.ids, self.right = run.target, [*run.target[1:].tolist(), int(np.argmax(run.trace["logits"][-1]))]
            known, self.stacks = self.scene.preset.tokenizer, ["", "encoder."]
            names = dict(enumerate(known.tokens) if known else zip(run.encoding.ids.tolist(), run.tokens, strict=True))
            self.name = lambda token: names.get(token, f"#{token}")
            self.tokens, self.written = tuple(map(self.name, run.target.tolist())), tuple(map(self.name, self.right))
        self.position = None if scene.loss_position is None else min(scene.loss_position, len(self.right) - 1)
        self.other = None
        if self.written and None not in (self.position, scene.loss_token) and scene.loss_token < run.config.vocab_size:
            self.other = self.right[self.position] = scene.loss_token
        self.rate = 0.05 if scene.learning_rate is None else scene.learning_rate
        trace, self.loss, dlogits = self.judge(run.params)
        self.grads = core.backward(run.params, run.config, trace, dlogits, activations=True)

    def judge(self, params: core.Params) -> tuple[core.Trace, float, np.ndarray]:
        given = {"embeddings": self.run.embeddings} if self.scene.edits else {"ids": self.ids}
        given |= {"source": self.run.encoding.ids} if self.written else {}
        change = self.scene.interventions
        if self.scene.patch and self.scene.patch[1][-1:] < (len(self.ids),):
            change = replace(change, patch={self.scene.patch[0]: (self.scene.patch[1], self.put())})
        trace = core.forward(params, self.scene.whole, **given, interventions=change)
        positions = range(len(self.right)) if self.position is None else [self.position]
        dlogits, losses = np.zeros_like(trace["logits"]), []
        for p in positions:
            x = trace["logits"][p].astype(np.float64)
            chances = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
            losses.append(np.log(np.exp(x - x.max()).sum()) + x.max() - x[self.right[p]])  # where a chance is 0, too
            chances[self.right[p]] -= 1
            dlogits[p] = chances / len(positions)
        return trace, float(np.mean(losses)), dlogits

    def put(self) -> np.ndarray:
        """What is put in, of a run of the other sentence; of two stacks, on what the decoder reads in this one's."""
        (name, place), other = self.scene.patch, self.scene.turn(patch=None, sentence=self.scene.patch_source)
        given = {"ids": self.ids, "source": other.encoding.ids} if self.written else {"ids": other.encoding.ids}
        return core.forward(self.run.params, self.scene.whole, **given, interventions=other.interventions)[name][place]

    def layers(self, stack: str = "") -> int:
        return self.run.config.n_encoder_layers if stack else self.run.config.n_layers

    def lengths(self, stage: int, stack: str = "") -> np.ndarray:
        last = self.layers(stack)
        name = f"blocks.{last - 1}.resid_post" if stage == last else f"blocks.{stage}.resid_pre" if stage else "embed"
        return np.linalg.norm(self.grads[stack + name].astype(np.float64), axis=-1)

    def stages(self, stack: str = "") -> list[float]:
        """How long the gradient is at the embeddings, and behind each layer."""
        return [float(np.linalg.norm(self.lengths(i, stack))) for i in range(self.layers(stack) + 1)]

    def weight(self) -> tuple[str, tuple[int, ...], float, float]:
        best = max(np.abs(self.grads[name]).max() for name in self.run.params)
        name = next(name for name in self.run.params if np.abs(self.grads[name]).max() >= best * (1 - 1e-6))
        index = tuple(int(i) for i in np.unravel_index(np.abs(self.grads[name]).argmax(), self.grads[name].shape))
        return name, index, float(self.run.params[name][index]), float(self.grads[name][index])

    def after(self) -> float:
        with np.errstate(all="ignore"):
            new = {name: p - np.float32(self.rate) * self.grads[name] for name, p in self.run.params.items()}
            return self.judge(new)[1]


def holds(f: Fresh, text: str, expected: float) -> bool:
    return pinned_number(text, expected, f.words.lang, rel=2e-4)


way_of = lru_cache(maxsize=8)(Way)  # held against again for each value that is altered


def of_a_stack(check: Callable[[Fresh, Values, str], None]) -> Callable[[Fresh, Values], None]:
    """A claim that holds of one stack of a model: of which, the sentence says that quotes this one."""

    def held(f: Fresh, v: Values) -> None:
        *others, last = way_of(f.scene).stacks
        for stack in others:
            try:
                return check(f, v, stack)
            except AssertionError:
                continue
        return check(f, v, last)

    return held


def quoting(kind: str) -> None:
    @claim(f"backward.says.in_{kind}")
    def its_numbers(f: Fresh, v: Values) -> None:
        way, stack = way_of(f.scene), "encoder." if kind == "encoder" else ""
        lengths = [*way.stages(stack), *np.linalg.norm([way.lengths(0, stack)], axis=1), way.lengths(0, stack).max()]
        if f.scene.pinned and not stack:
            ends = [[float(np.linalg.norm(one.lengths(at))) for at in (0, one.layers())] for one in both(f)]
            lengths += [first / last for first, last in ends if last]
        texts = {form for x in lengths for form in (f.words.scaled(float(x)), f.words.scaled(float(x), 4, small=0.001))}
        said = v["said"]
        assert len(way.stacks) == 2 and said.endswith(".") and said[0].islower()
        assert any(f" {text}" in said for text in texts) if re.search(r"\d", said) else not any(lengths[:1])


quoting("encoder")
quoting("decoder")


@claim("backward.says.mean", "backward.says.one", "backward.says.mean_written")
@claim("backward.says.one_written", "backward.says.one_other")
def _(f: Fresh, v: Values) -> None:
    way, lang = way_of(f.scene), f.words.lang
    assert near(v["loss"], way.loss)
    assert ("mean" in f.told) == (way.position is None) and f.told.endswith("_other") == (way.other is not None)
    assert f.told.endswith("_written") == (len(way.written) > 0 and way.other is None)
    if way.position is None:
        assert v["n"] == len(way.right)
    elif not way.written:
        assert [v["token"], v["following"]] == [named_in(way.tokens, way.position + i, lang) for i in (0, 1)]
    elif way.other is None:
        assert v["token"] == named_in(way.written, way.position, lang)
    else:
        assert v["token"] == f"“{way.name(way.other)}”" and v["written"] == named_in(way.written, way.position, lang)


@claim("backward.says.fades", "backward.says.grows", "backward.says.alike", "backward.says.zero")
@of_a_stack
def _(f: Fresh, v: Values, stack: str) -> None:
    way = way_of(f.scene)
    first, last = (float(np.linalg.norm(way.lengths(stage, stack))) for stage in (0, way.layers(stack)))
    assert holds(f, v["first"], first) and holds(f, v["last"], last)
    assert f.told.endswith("zero") == (0 in (first, last))
    if 0 in (first, last):
        return
    times = max(first, last) / min(first, last)
    assert holds(f, v["times"], times)
    text = f.words(f.told, **v).casefold()
    behind, embeddings, more = (
        ("behind the last", "at the embeddings", "times as much")
        if f.words.lang == "en"
        else ("depois da última", "nos embeddings", "vezes isso")
    )
    less_first = text.index(embeddings) < text.index(behind)  # what is said to be so many times as much comes last
    told = (more in text and less_first, more in text and not less_first)
    assert told == (times >= 2 and first < last, times >= 2 and first > last)


@claim("backward.says.beside", "backward.says.no_share", "backward.says.no_pinned")
def _(f: Fresh, v: Values) -> None:
    gone = without_a_way(f.scene.before) or is_lost(f.scene.before)
    assert f.told.endswith("no_pinned") == gone
    if gone:
        return
    ends = [[np.linalg.norm(way.lengths(at)) for at in (0, way.run.config.n_layers)] for way in both(f)]
    assert f.told.endswith("no_share") == (0 in [last for _, last in ends])
    if f.told.endswith("beside"):
        assert all(holds(f, v[name], first / last) for name, (first, last) in zip(("was", "now"), ends, strict=True))


def both(f: Fresh) -> tuple[Way, Way]:
    return way_of(f.scene.before), way_of(f.scene)


@claim("backward.says.stops", "backward.says.unmoved")
def _(f: Fresh, v: Values) -> None:
    name, place = f.scene.patch
    length = float(np.linalg.norm(way_of(f.scene).grads[name][place].astype(np.float64)))
    assert f.told.endswith("unmoved") == (length == 0)
    assert length == 0 or holds(f, v["length"], length)


@claim("backward.says.longest", "backward.says.longest_last", "backward.says.even", "backward.says.none")
@of_a_stack
def _(f: Fresh, v: Values, stack: str) -> None:
    lengths = way_of(f.scene).stages(stack)
    best, low = max(lengths), min(lengths)
    assert f.told.endswith("none") == (best == 0)
    if best == 0:
        return
    longest, shortest = written_alike(f, lengths, best), written_alike(f, lengths, low)
    assert holds(f, v["length"], best) and f.told.endswith("even") == (len(longest) == len(lengths))
    if f.told.endswith("even"):
        return
    assert v["places"] == named_stages(f, longest) and f.told.endswith("longest_last") == (0 in longest)
    if 0 not in longest:
        assert holds(f, v["share"], 100 * lengths[0] / best) and holds(f, v["arriving"], lengths[0])
    else:
        assert v["shortest"] == named_stages(f, shortest) and holds(f, v["least"], low)


def written_alike(f: Fresh, lengths: list[float], one: float) -> list[int]:
    """The stages whose length is written as this one, or is the same but for rounding."""
    noise = 1e-6 * max(lengths)
    text = f.words.scaled(one, 4, 0.001)
    return [i for i, x in enumerate(lengths) if f.words.scaled(x, 4, 0.001) == text or abs(x - one) <= noise]


def named_stages(f: Fresh, stages: list[int]) -> str:
    at, behind = (
        ("at the embeddings", "behind layer") if f.words.lang == "en" else ("nos embeddings", "depois da camada")
    )
    return f.phrase([f"{behind} {i - 1}" if i else at for i in stages[::-1]])


@claim(*(f"backward.says.{how}" for how in ("word", "word_there", "word_alike", "no_word")))
@of_a_stack
def _(f: Fresh, v: Values, stack: str) -> None:
    way = way_of(f.scene)
    lengths = way.lengths(0, stack)
    assert f.told.endswith("no_word") != lengths.any()
    if lengths.any():
        assert f.told.endswith(("there", "alike")) == (len(way.stacks) == 2 or f.told.endswith("alike"))
        written = [f.words.scaled(float(x)) for x in lengths]
        close = np.isclose(lengths, lengths.max(), rtol=1e-5, atol=0)
        most = [i for i, text in enumerate(written) if text == written[lengths.argmax()] or close[i]]
        assert v["n"] == len(most) and f.told.endswith("alike") == (len(most) == len(lengths))
        tokens = way.run.tokens if stack else way.tokens
        assert "token" not in v or v["token"] == f.phrase([named_in(tokens, i, f.words.lang) for i in most])
        assert holds(f, v["length"], lengths.max())


@claim("backward.says.nothing")
def _(f: Fresh, v: Values) -> None:
    assert without_a_way(f.scene)


def without_a_way(scene: Scene) -> bool:
    """Whether no gradient can be followed: of one token nothing is foretold, and without these there is no way back."""
    scene = loss_choice.asked(scene)
    one = len(scene.tokens) < 2 and not scene.whole.n_encoder_layers  # a decoder writes at least one of its own
    return one or bool({"softmax", "W_V", "W_O"} & {*scene.off})


@claim("backward.says.lost")
def _(f: Fresh, v: Values) -> None:
    assert is_lost(f.scene)


def is_lost(scene: Scene) -> bool:
    """Whether some number on the way back has passed what float32 can hold."""
    with np.errstate(all="ignore"):
        way = way_of(scene)
        stages = [way.lengths(stage) for stage in range(way.run.config.n_layers + 1)]
        greatest = [np.abs(way.grads[name]).max() for name in way.run.params]
    return not np.isfinite([way.loss, *np.ravel(stages), *greatest]).all()


@claim("backward.says.step")
def _(f: Fresh, v: Values) -> None:
    way = way_of(f.scene)
    name, index, weight, gradient = way.weight()
    assert v["name"] == f"{name}[{', '.join(map(str, index))}]"
    assert holds(f, v["weight"], weight) and holds(f, v["gradient"], gradient)
    assert holds(f, v["rate"], way.rate) and holds(f, v["new"], weight - way.rate * gradient)


@claim("backward.says.after", "backward.says.burst")
def _(f: Fresh, v: Values) -> None:
    way = way_of(f.scene)
    assert near(v["before"], way.loss)
    after = way.after()
    assert f.told.endswith("burst") != np.isfinite(after)
    assert f.told.endswith("burst") or near(v["after"], after, rel=2e-3)


@claim("backward.says.adamw")
def _(f: Fresh, v: Values) -> None:
    way = way_of(f.scene)
    _, index, weight, gradient = way.weight()
    decay = 0.1 * weight if len(index) == 2 else 0.0
    moved = -way.rate * (gradient / (abs(gradient) + 1e-8) + decay)
    assert holds(f, v["first"], 0.1 * gradient) and holds(f, v["second"], 0.05 * gradient**2)
    assert holds(f, v["moved"], moved) and holds(f, v["new"], weight + moved)
