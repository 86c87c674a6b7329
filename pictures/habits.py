"""What a trained model's heads do over many sentences: on how many a head keeps its name, and how far its scores range.

A shipped story's model reads sentences that its training held out; another one those of `reading.over.texts`.
"""

from __future__ import annotations

import numpy as np

import core
from core import Scene
from core.interpret import CLEAR, LABELS, Habits, habits, sentence_scores
from core.scene.fields import Numbered
from core.scene.sentence import fit_sentence
from core.tasks import TASKS, Stories, story
from pictures import compute, labels, left_out, memory, stacks
from pictures.compute import Picture, picture
from pictures.extremes import greatest, head_names
from pictures.numbers import Each, Points, points
from pictures.reading import SIGNS, map_height, per_head
from pictures.squares import nothing
from pictures.words import LANGUAGES, Words, capital, words_of
from plots.head_map import head_map
from plots.ranges import BEHIND, ranges

EACH = 8  # sentences: of each language; of a task without one, twice as many
GIVEN = tuple("abcdefgh")  # `reading.over.texts`, in either language
WIDTH = 330  # px: of a phone
RING = (0.03, 0.4)  # half the width and height of an outline in the ranges


def offered(scene: Scene) -> bool:
    """Whether its model has learned something, and looks within one text."""
    return scene.preset.trained and stacks.count(scene) == 1


def texts(scene: Scene) -> list[str]:
    """The sentences that the Scene's model is asked about."""
    task = scene.preset.task
    if task == Stories.name:
        told = [story(lang, number, True) for number in range(EACH) for lang in LANGUAGES]
        return [" ".join(word.text for word in one) for one in told]
    if task in TASKS:
        own = TASKS[task]()
        return [own.joint.join(own.read(row)) for row in own.batch(0, len(LANGUAGES) * EACH, held_out=True).ids]
    return [words_of(lang)(f"reading.over.texts.{name}") for name in GIVEN for lang in LANGUAGES]


def parts(scene: Scene) -> list[Scene]:
    """The Scene with each of the sentences in the place of its own: what it changed of a token is of its own alone, and
    so is what was put into its run."""
    bare = scene.unpatched.computed.turn(sentence="", edits=(), cut=(), without_first=scene.without_first)
    return [bare.turn(sentence=fit_sentence(text, bare.split, bare.model)[0]) for text in texts(scene)]


# Of every run little more is kept than the scores: fifty thousand numbers of a model of 270 heads.
@memory.kept(lambda scene: (scene,), large=compute.is_large)
def scores(scene: Scene) -> np.ndarray:
    """[label, layer, head] of one of the `parts`; NaN where it cannot tell, all of it where numbers were lost."""
    found = stacks.looks(scene)
    names = [found.name("pattern", layer) for layer in range(found.config.n_layers)]
    trace = core.run(scene, compute.params(scene), names).trace
    whole = np.stack([trace[name] for name in names]).astype(np.float64)
    own = sentence_scores(left_out.renormalized(whole, scene), left_out.tokens(scene), found.causal)
    if left_out.hides(scene):
        own[LABELS.index("first")] = np.nan  # the first token is not among them
    return own if np.isfinite(whole).all() else np.full_like(own, np.nan)


def over(scene: Scene) -> tuple[Habits, int]:
    """What the heads do on all of them, and on how many numbers were lost."""
    return _over(compute.looked_at(scene, ("without_first",)))


def every(scene: Scene) -> np.ndarray:
    """[sentence, label, layer, head]: the scores on all of the `parts`."""
    return np.stack([scores(one) for one in parts(scene)])


@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _over(scene: Scene) -> tuple[Habits, int]:
    found = every(scene)
    return habits(found), int(np.isnan(found).all((1, 2, 3)).sum())


@picture("layer", "head", "without_first")
def held(scene: Scene, words: Words) -> Picture:
    """Every head's most frequent name, over the share of the sentences that can tell it on which it has it."""
    found, lost = over(scene)
    if lost:
        return nothing(words("reading.over.says.lost", n=lost) + _without(scene, words), WIDTH)
    main, probed = found.main, labels.probe_of(scene)
    share, marks = np.zeros(main.shape), np.full(main.shape, "", object)
    for place in np.ndindex(main.shape):
        if (best := main[place]) >= 0:
            share[place] = found.held[(best, *place)] / found.told[best]
            marks[place] = _sign(LABELS[best], float(probed[place]))
    says = _says_held(found, share, scene, words)
    hover = words("reading.over.hover")
    figure = head_map(share, marks.tolist(), **per_head(scene, words), width=WIDTH, hover=hover, alt=says)
    return Picture(figure, says, _numbers_held(scene, main))


def _numbers_held(scene: Scene, main: np.ndarray) -> Each:
    """Of each head the share of its most frequent name."""
    found, (n_layers, n_heads) = stacks.looks(scene), main.shape

    def number(layer: int, head: int) -> Numbered | None:
        best = int(main[layer, head])
        return (f"held.{found.name('pattern', layer)}", (head, best)) if best >= 0 else None

    return Each(tuple(tuple(number(layer, head) for head in range(n_heads)) for layer in range(n_layers)))


def _sign(label: str, probed: float) -> str:
    """The mark of a name: that a head is an induction head, only its probe says."""
    return SIGNS["seeming" if label == "induction" and not probed >= CLEAR else label]


def _says_held(found: Habits, share: np.ndarray, scene: Scene, words: Words) -> str:
    """How many heads keep their name wherever it can be told, how many on some sentences, and how many have none."""
    always, never = int((share == 1).sum()), int((share == 0).sum())
    heads = {"heads": share.size, "always": always, "some": share.size - always - never, "never": never}
    return words("reading.over.says.held", n=len(texts(scene)), **heads) + _without(scene, words)


def _without(scene: Scene, words: Words) -> str:
    left = f" {words('reading.over.says.left_out')}" if scene.without_first else ""
    return left + (f" {words('reading.over.says.unpatched')}" if scene.patch else "")


@picture("layer", "head", "without_first")
def ranged(scene: Scene, words: Words) -> Picture:
    """The chosen head's scores over the sentences: mean and range, and on how many each is its name."""
    found, lost = over(scene)
    if lost:
        return nothing(words("reading.over.says.lost", n=lost) + _without(scene, words), WIDTH)
    layer, head = scene.place
    says = _says_ranged(found, scene, words)
    figure = ranges(
        found.mean[:, layer, head],
        found.low[:, layer, head],
        found.high[:, layer, head],
        [f"{SIGNS[name]} {words(f'reading.names.{name}')}" for name in LABELS],
        [f"{held}/{told}" for held, told in zip(found.held[:, layer, head], found.told, strict=True)],
        hover=words("reading.over.hover_range"),
        comma=words.comma,
        height=height(scene),
        alt=says,
    )
    return Picture(figure, says, _numbers_ranged(scene, found))


def _numbers_ranged(scene: Scene, found: Habits) -> Points:
    """Of each name the mean, the ends of the range, and behind it on which share of the sentences the head has it."""
    layer, head = scene.place
    name, told = stacks.looks(scene).name("pattern"), np.flatnonzero(found.told)
    columns = {
        "score_mean": found.mean[told, layer, head],
        "score_least": found.low[told, layer, head],
        "score_most": found.high[told, layer, head],
        "held": np.full(len(told), BEHIND),
    }
    of = [(f"{kind}.{name}", (head, label)) for kind in columns for label in told.tolist()]
    return points(of, np.concatenate([*columns.values()]), np.tile(told, len(columns)), RING)


def _says_ranged(found: Habits, scene: Scene, words: Words) -> str:
    layer, head = scene.place
    best = int(found.main[layer, head])
    mean, low, high = (values[:, layer, head] for values in (found.mean, found.low, found.high))
    place = capital(head_names([scene.place], words))
    if best >= 0:
        alike = words.number(low[best]) == words.number(high[best])
        return words(
            f"reading.over.says.{'named_alike' if alike else 'named'}",
            place=place,
            name=words(f"reading.names.{LABELS[best]}"),
            held=int(found.held[best, layer, head]),
            told=int(found.told[best]),
            mean=float(mean[best]),
            low=float(low[best]),
            high=float(high[best]),
        ) + _without(scene, words)
    most = greatest(mean, words.number)
    names = words.several(words("quoted", token=words(f"reading.names.{LABELS[i]}")) for i in most.indices)
    says = words("reading.over.says.nameless", place=place, n=len(texts(scene)), names=names, mean=most.value)
    return says + _without(scene, words)


def height(scene: Scene) -> int:
    """Pixels of the ranges, a row a name."""
    return int(np.clip(map_height(scene), 46 + 24 * len(LABELS), 46 + 40 * len(LABELS)))
