"""What Train says of a run, held against the same run taken again step by step, every step's parameters kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import core
from claims import Fresh as OfScene
from claims import Values, alike, claim, named_in, pinned_number, ties, told_as
from core import Scene
from core.backward import backward
from core.tokenizer.words import UNKNOWN
from core.train.training_run import TrainingRun
from pictures.explained import card as cards
from pictures.explained import training
from pictures.train import curves, snapshot
from pictures.train.view import View
from pictures.words import Words, words_of
from ui.train.kept_runs import Training
from ui.train.session import task_of


@dataclass(frozen=True)
class Run:
    """A short run of a task."""

    task: str
    steps: int
    seed: int = 0
    size: str = ""
    learned: int = 0  # at this step it is given the weights
    given: str = "found"  # of GIVEN
    lost: bool = False  # its last step is taken with numbers that have left their range
    named: int | None = None  # a step that is kept beside the spacing's


@dataclass(frozen=True)
class Look:
    """A moment of a run, a head, and whether another run lies under it."""

    run: Run
    moment: int | None = None
    layer: int = 0
    head: int = 0
    former: Run | None = None
    lang: str = "en"


COPY, OTHER, REPEAT = Run("copy", 12), Run("copy", 9, seed=1), Run("repeat", 4)
FOUND = Run("repeat", 7, learned=2, named=3)
DEAD, INWARD, OVER = (Run("copy", n, learned=1, given=how) for n, how in ((2, "dead"), (1, "inward"), (1, "over")))
LOST, LOST_LATER, FIRST = Run("reverse", 11, lost=True), Run("reverse", 13, lost=True), Run("copy", 0)
SCENES = [
    *(Look(COPY, moment, layer, head) for moment in (None, 0, 5, 10) for layer, head in ((0, 0), (1, 1))),
    *(Look(COPY, moment, former=OTHER) for moment in (None, 5)),
    Look(OTHER, former=COPY),
    *(Look(REPEAT, None, layer, 9) for layer in (0, 1)),
    *(Look(FOUND, moment, 1, head) for moment in (None, 0, 3, 5) for head in (0, 1)),
    *(Look(run, moment) for run in (LOST, LOST_LATER) for moment in (None, 5)),
    *(Look(run) for run in (DEAD, INWARD, OVER)),
    *(Look(Run("copy", 1), lang=lang) for lang in ("en", "pt-BR")),
    Look(FIRST),
    Look(Run("addition", 3), layer=9),
    *(Look(Run("stories", 2), lang=lang) for lang in ("en", "pt-BR")),
    *(Look(Run("translate", 6), lang=lang, layer=1, head=2) for lang in ("en", "pt-BR")),
]


def example(view: View, words: Words) -> str:
    return snapshot.example(view, words)[1]


def noted(view: View, words: Words) -> str:
    """What the card says of the loss at the first step whose weights are gone; "" where all are kept."""
    run = view.run
    gone = [step for step in range(len(run.losses)) if step not in run.checkpoints.kept and step != run.step]
    if not gone:
        return ""
    here = training.world(view, words)
    return cards.sentence(here.explain(("loss_taken.logits", (gone[0],))), here, words)


BUILDERS = (noted, curves.loss, curves.scores, curves.norms, snapshot.attention, snapshot.embeddings, example)


def begun(run: Run) -> TrainingRun:
    task = task_of(run.task)
    training_run = TrainingRun.start(task, task.config, run.seed, 4, 3e-3)
    training_run.checkpoints.named = run.named
    return training_run


def shipped(params: core.Params) -> core.Params:
    """What a long run finds."""
    return {name: p.copy() for name, p in core.PRESETS["induction"].learned.items()}


def dead(params: core.Params) -> core.Params:
    """Nothing reaches the logits, so that no gradient comes back."""
    return {name: 0 * params[name] for name in ("ln_final.w", "ln_final.b", "unembed.W_U")}


def inward(params: core.Params) -> core.Params:
    """Queries and keys are what they are made of, and long: a token finds none that is as near as itself."""
    own = {name: p for name, p in params.items() if name.endswith(("attn.W_Q", "attn.W_K"))}
    return {name: 30 * np.eye(len(p), dtype=p.dtype) for name, p in own.items()}


def over(params: core.Params) -> core.Params:
    """A step was too long: the weights are numbers still, and what is computed of them is none."""
    return {name: 1e30 * p for name, p in params.items() if name.endswith(("attn.W_Q", "attn.W_K"))}


GIVEN = {"found": shipped, "dead": dead, "inward": inward, "over": over}


def learn(training_run: TrainingRun, run: Run) -> None:
    """Give it other weights, at its step for that."""
    if training_run.step == run.learned:
        params = training_run.state.params
        params.update(GIVEN[run.given](params))


@cache
def training_run_of(run: Run) -> TrainingRun:
    training_run, whole = begun(run), run.steps - run.lost
    for stop in sorted({run.learned, whole // 2, whole} - {0}):
        training_run.advance(60, stop - training_run.step)
        learn(training_run, run)
    if run.lost:
        training_run.state.params["blocks.0.attn.W_Q"][:] = np.nan
        with np.errstate(all="ignore"):
            training_run.advance(60, 1)
    return training_run


def opened(look: Look) -> View:
    training_run, former = training_run_of(look.run), look.former and training_run_of(look.former)
    scene = Scene(train_step=look.moment, layer=look.layer, head=look.head)
    training = Training((look,), training_run, former and former.history)
    return View(training, training_run, scene, *training_run.at(look.moment), look.lang)


# --------------------------------------------------------------------------------------------------- the other reading


@cache
def again(run: Run) -> list[core.Params]:
    """[step]: the parameters of the same run, as far as they are numbers."""
    training_run = begun(run)
    found = [{name: p.astype(np.float64) for name, p in training_run.state.params.items()}]
    for _ in range(run.steps - run.lost):
        training_run.advance(0, 1)
        learn(training_run, run)
        found.append({name: p.astype(np.float64) for name, p in training_run.state.params.items()})
    return found


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@cache
def judged(run: Run, step: int) -> tuple[float, float]:
    """The loss, and the share of right answers, on the rows that are held out."""
    task = task_of(run.task)
    ids, targets, mask = batch = task.batch(0, 32, run.seed, held_out=True)
    logs = log_softmax(core.forward(again(run)[step], task.config, **batch.inputs)["logits"])
    asked = np.ones(ids.shape, bool) if mask is None else mask
    own = [logs[place][targets[place]] for place in np.argwhere(asked).tolist() for place in [tuple(place)]]
    right = [logs[tuple(place)].argmax() == targets[tuple(place)] for place in np.argwhere(asked)]
    return -float(np.mean(own)), float(np.mean(right))


@cache
def repeating(run: Run, step: int) -> np.ndarray:
    """[layer, head]: the mean weight on what followed the same token half a row earlier."""
    config = task_of(run.task).config
    half, draw = min(config.n_ctx // 2, config.vocab_size, 24), np.random.default_rng(0)
    rows = np.array([draw.permutation(config.vocab_size)[:half] for _ in range(8)])
    trace = core.forward(again(run)[step], config, np.hstack([rows, rows]))
    patterns = [trace[f"blocks.{i}.attn.pattern"] for i in range(config.n_layers)]  # [row, head, query, key]
    return np.array([np.mean([p[:, :, half + i, i + 1] for i in range(half)], axis=(0, 1)) for p in patterns])


@cache
def slopes(run: Run, step: int) -> dict[str, float]:
    """Part -> the length of its gradients on the batch that this step is taken with."""
    task = task_of(run.task)
    params = again(run)[step]
    ids, targets, mask = batch = task.batch(step, 4, run.seed)
    asked = np.ones(ids.shape, bool) if mask is None else mask
    trace = core.forward(params, task.config, **batch.inputs)
    change = np.exp(log_softmax(trace["logits"])) - np.eye(task.config.vocab_size)[targets]
    grads = backward(params, task.config, trace, change * asked[..., None] / asked.sum())
    squares: dict[str, float] = {}
    for name, g in grads.items():
        first, second, *_ = name.removeprefix("encoder.").split(".")
        stack = "encoder." * name.startswith("encoder.")
        part = stack + {"blocks": second, "unembed": "output", "ln_final": "output"}.get(first, "embeddings")
        squares[part] = squares.get(part, 0.0) + float((g**2).sum())
    return {part: np.sqrt(square) for part, square in squares.items()}


@cache
def taken(run: Run, step: int) -> float:
    """The loss on the batch that this step is taken with."""
    task = task_of(run.task)
    _, targets, mask = batch = task.batch(step, 4, run.seed)
    logs = log_softmax(core.forward(again(run)[step], task.config, **batch.inputs)["logits"])
    own = np.take_along_axis(logs, targets[..., None], -1)[..., 0]
    return -float(own.mean() if mask is None else own[mask].mean())


class Fresh:
    """The same run again, at the moment that a View looks at."""

    def __init__(self, view: View):
        (self.look,) = view.training.key
        self.run, self.scene, self.words, self.says = self.look.run, view.scene, words_of("en"), ""
        self.task = task_of(self.run.task)
        self.config, self.claims = self.task.config, {"drift.axis_short": axis}
        last = len(again(self.run)) - 1
        self.step = last if self.look.moment is None else self.look.moment
        if self.run.lost and self.look.moment is None:
            self.step = self.kept(last)  # as it last stood
        self.params = again(self.run)[self.step]
        self.layer, self.head = (
            min(self.look.layer, self.config.n_layers - 1),
            min(self.look.head, self.config.n_heads - 1),
        )
        ids, targets, mask = batch = self.task.batch(0, 8, held_out=True)
        mask = np.ones(ids.shape, bool) if mask is None else mask
        spoken = next(i for i, row in enumerate(ids) if self.task.speaks(row, self.look.lang))
        n, self.source = (24 if mask.all() else None), None
        if batch.source is not None:
            n, self.source = int(mask[spoken].sum()), batch.source[spoken][batch.source_mask[spoken]]
        self.ids, self.targets, self.asked = (x[spoken, :n] for x in (ids, targets, mask))
        self.trace = core.forward(self.params, self.config, self.ids, source=self.source)

    def kept(self, step: int) -> int:
        """The last one that can be looked at up to a step: every fifth can, and one that was named."""
        return max(s for s in range(step + 1) if s % 5 == 0 or s == self.run.named)

    def names(self, tokens: list[str]) -> list[str]:
        unknown = self.words("token.unknown")
        tokens = [unknown if token == UNKNOWN else token for token in tokens]
        return [named_in(tokens, i, self.words.lang) for i in range(len(tokens))]

    def read(self) -> list[str]:
        return [self.task.vocabulary[i] for i in self.ids]

    def drawn(self) -> list[int]:
        """Ids of the tokens whose embeddings are drawn: the example's, then the vocabulary's, 24 in all."""
        every = [*self.ids.tolist(), *range(self.config.vocab_size)]
        return [i for n, i in enumerate(every) if i not in every[:n]][:24]

    phrase = OfScene.phrase


def watched(run: Run) -> list[int]:
    """The steps at which a run was looked at: every fifth."""
    return [*range(0, len(again(run)), 5)]


# -------------------------------------------------------------------------------------------------------- its curves


@claim("train.says.loss")
def held_out(f: Fresh, v: Values) -> None:
    assert (v["step"], v["n"]) == (f.step, len(f.task.vocabulary)) and abs(v["uniform"] - np.log(v["n"])) < 1e-9
    assert abs(v["loss"] - judged(f.run, f.step)[0]) < 1e-4
    assert told_as(f, "former", "anterior") == (f.look.former is not None)


def narrow(f: Fresh) -> core.Trace:
    """The example once more in float32, as the page runs it."""
    params = {name: p.astype(np.float32) for name, p in f.params.items()}
    with np.errstate(all="ignore"):
        return core.forward(params, f.config, f.ids, source=f.source)


@claim("train.says.lost")
def lost(f: Fresh, v: Values) -> None:
    assert v["step"] == f.step and np.isnan(narrow(f)["logits"]).any()


@claim("train.says.former")
def former(f: Fresh, v: Values) -> None:
    best = min(judged(f.run, step)[0] for step in {*watched(f.run), f.step})
    assert abs(v["best"] - best) < 1e-4
    assert abs(v["other"] - min(judged(f.look.former, step)[0] for step in watched(f.look.former))) < 1e-4


@claim("train.says.accuracy")
def accuracy(f: Fresh, v: Values) -> None:
    assert abs(v["accuracy"] - judged(f.run, f.step)[1]) < 1e-9


@claim("train.says.appeared", "train.says.not_yet")
def induction(f: Fresh, v: Values) -> None:
    found = [
        step for step in sorted({*watched(f.run), f.step}) if step <= f.step and repeating(f.run, step).max() >= 0.5
    ]
    if "score" in v:
        assert not found and abs(v["score"] - repeating(f.run, f.step).max()) < 1e-5 and v["appeared"] == 0.5
    else:
        scores = repeating(f.run, found[0])
        assert v["step"] == found[0] and scores[v["layer"], v["head"]] > scores.max() - 1e-6


def measured(f: Fresh) -> int:
    """The step whose gradients are spoken of: the one that was taken from here, or the last."""
    return min(f.step, f.run.steps - 1)


def ends_of(values: np.ndarray) -> tuple[int, int]:
    return int(values.argmax()), int(values.argmin())


@claim("train.says.norms", "train.says.norms_alike")
def norms(f: Fresh, v: Values) -> None:
    values = np.array([*slopes(f.run, measured(f)).values()])
    assert v["step"] == measured(f) and pinned_number(v["high"], values.max(), f.words.lang, 1e-4)
    most, least = longest_and_shortest(f)
    assert f.told.endswith("alike") == (len(most) == len(values))
    if len(most) < len(values):
        assert pinned_number(v["low"], values.min(), f.words.lang, 1e-4)
        assert (v["most"], v["least"]) == (f.phrase(most), f.phrase(least))


def longest_and_shortest(f: Fresh) -> tuple[list[str], list[str]]:
    """The parts whose gradients are written as the longest and as the shortest are, by name."""
    lengths = slopes(f.run, measured(f))
    layer = {"en": "layer {}", "pt-BR": "camada {}"}[f.words.lang]
    ends = {"en": ("embeddings", "output"), "pt-BR": ("embeddings (entrada)", "saída")}[f.words.lang]
    called = {"embeddings": ends[0], "output": ends[1], "encoder.output": f"encoder, {ends[1]}"}
    called |= {f"encoder.{i}": f"encoder, {layer.format(i)}" for i in range(f.config.n_encoder_layers)}
    values = np.array([*lengths.values()])
    names = [f"“{called.get(part) or layer.format(part)}”" for part in lengths]
    written = [f"{x:.4f}" if 1e-3 <= x < 1e5 else f"{x:.1e}" for x in values]
    most, least = ([n for n, x in zip(names, written, strict=True) if x == written[i]] for i in ends_of(values))
    return most, least


@claim("train.says.norms_lost")
def norms_lost(f: Fresh, v: Values) -> None:
    assert f.run.lost and v["step"] == measured(f) == len(again(f.run)) - 1


@claim("train.says.no_norms")
def no_norms(f: Fresh, v: Values) -> None:
    assert f.run.steps == 0


@claim("train.part.blocks", "train.part.encoder_blocks")
def layer(f: Fresh, v: Values) -> None:
    of_encoder = f.told.endswith("encoder_blocks")
    assert 0 <= int(v["n"]) < (f.config.n_encoder_layers if of_encoder else f.config.n_layers)
    (most, least), name = longest_and_shortest(f), f"“{f.words(f.told, **v)}”"
    assert name not in f.says or name in [*most, *least]


# -------------------------------------------------------------------------------------------- the model at a moment


# Of the examples, read by hand: for each word of the translation, the place in the source of what it stems from.
STEMS = {"en": [0, 2, 1, 3, 4, 5, 6, 7, 9, 8, 10], "pt-BR": [0, 2, 1, 3, 4, 4, 5, 6]}


@claim("train.says.across")
def across(f: Fresh, v: Values) -> None:
    pattern, stems = f.trace[f"blocks.{f.layer}.cross.pattern"][f.head], STEMS[f.look.lang]
    right = sum(max(range(len(row)), key=row.__getitem__) == stem + 1 for row, stem in zip(pattern, stems, strict=True))
    assert (v["layer"], v["head"], v["right"], v["n"]) == (f.layer, f.head, right, len(f.targets))


@claim("train.says.attention_lost")
def attention_lost(f: Fresh, v: Values) -> None:
    pattern = narrow(f)[f"blocks.{f.layer}.attn.pattern"][f.head]
    assert (v["layer"], v["head"]) == (f.layer, f.head) and not np.isfinite(pattern).all()


@claim("train.says.attention", "train.says.attention_alike", "train.says.attention_itself")
def looks(f: Fresh, v: Values) -> None:
    pattern = f.trace[f"blocks.{f.layer}.attn.pattern"][f.head]
    earlier = np.array([[key < query for key in range(len(pattern))] for query in range(len(pattern))])
    places, best = ties(pattern, 2, where=earlier), pattern[earlier].max()
    assert (v["layer"], v["head"]) == (f.layer, f.head)
    several, alone = len(places) > 1, best < 0.005
    assert f.told.endswith("itself") == alone and f.told.endswith("alike") == (several and not alone)
    if alone:
        assert v["least"] == 0.005
        return
    assert abs(v["weight"] - best) < 1e-5 and v.get("n", 1) == len(places)
    if not several:
        ((query, key),) = places
        names = f.names(f.read())
        assert (v["query"], v["key"], v["back"]) == (names[query], names[key], query - key)


def ways(f: Fresh) -> np.ndarray:
    """[token]: how far the embedding of each that is drawn has gone."""
    start, now = (params["embed.W_E"][f.drawn()] for params in (again(f.run)[0], f.params))
    return np.sqrt(((now - start) ** 2).sum(-1))


@claim("train.says.embeddings", "train.says.embeddings_still", "train.says.embeddings_alike")
def furthest(f: Fresh, v: Values) -> None:
    lengths = ways(f)
    assert f.told.endswith("still") == (not lengths.any()) == (f.step == 0)
    if not lengths.any():
        return
    places = [i for (i,) in alike(lengths)]
    assert pinned_number(v["length"], lengths.max(), f.words.lang, 1e-4)
    assert f.told.endswith("alike") == (len(places) == len(lengths))
    if len(places) == len(lengths):
        return
    names = f.names([f.task.vocabulary[i] for i in f.drawn()])
    assert (v["tokens"], v["n"]) == (f.phrase([names[i] for i in places]), len(places)) and len(places) < len(lengths)
    assert pinned_number(v["mean"], lengths.mean(), f.words.lang, 1e-4)


@claim("train.axis.at")
def moment(f: Fresh, v: Values) -> None:
    assert 0 <= v["n"] <= f.step


def axis(f: Fresh, v: Values) -> None:
    """The share of the variance of where the embeddings stood at first, and at the last power of two of the steps."""
    latest = max(2**i for i in range(20) if 2**i <= max(f.run.steps, 1))
    ends = (again(f.run)[step]["embed.W_E"][f.drawn()] for step in (0, f.kept(min(latest, len(again(f.run)) - 1))))
    x = np.vstack([*ends])
    spread = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    assert abs(v["share"] - 100 * spread[v["i"] - 1] / spread.sum()) < 0.02


@claim("train.says.example")
def guessed(f: Fresh, v: Values) -> None:
    logs = log_softmax(f.trace["logits"])
    places = [i for i in range(len(f.ids)) if f.asked[i]]
    right = [i for i in places if logs[i].argmax() == f.targets[i]]
    assert (v["right"], v["n"]) == (len(right), len(places))
    assert abs(v["mean"] - np.mean([np.exp(logs[i][f.targets[i]]) for i in places])) < 1e-5


@claim("explain.says.record")
def _(f: Fresh, v: Values) -> None:
    name = {"en": "Loss on the batch of a step · step ", "pt-BR": "Perda no lote de um passo · passo "}[f.words.lang]
    step = next(step for step in range(f.run.steps) if f.kept(step) != step)
    assert v["title"] == f"{name}{step}" and pinned_number(v["value"], taken(f.run, step), f.words.lang, rel=1e-4)
