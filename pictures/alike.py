"""How alike sentences of both languages are to a model: cosines between the means of what it makes of their tokens."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import sentence_vectors, similarity
from core.library import Real
from core.scene.sentence import fit_sentence
from pictures import compute, memory
from pictures.compute import Picture, picture
from pictures.numbers import COLUMN, ROW, cells
from pictures.words import LANGUAGES, Words, words_of
from plots.heatmap import heatmap

IDEAS = ("swims", "capital", "rain", "eats")  # each once in each language: `models.alike.texts` in content/
LINE = 30  # px
WIDTH = 330  # px: of a phone


def readable(scene: Scene) -> bool:
    """Whether its model is a real one of one stack: a toy knows no word of these sentences."""
    return isinstance(scene.preset, Real) and not scene.whole.n_encoder_layers


def texts(scene: Scene) -> list[str]:
    """The sentences, each beside its translation, and the reader's own at the end, where it is another one."""
    given = [words_of(lang)(f"models.alike.texts.{idea}") for idea in IDEAS for lang in LANGUAGES]
    return given if scene.text in given else [*given, scene.text]


def parts(scene: Scene) -> list[Scene]:
    """The Scene with each of the sentences in the place of its own, and nothing switched off or edited."""
    bare = scene.unpatched.computed.turn(sentence="", edits=(), cut=(), ablated=(), off=(), temperature=1.0)
    return [bare.turn(sentence=fit_sentence(text, bare.split, bare.model)[0]) for text in texts(scene)]


@memory.kept(lambda scene: (scene.computed,), large=compute.is_large)
def vectors(scene: Scene) -> np.ndarray:
    """[sentence, d_model]: what each means to the model, of as many of its tokens as there are positions for."""
    return sentence_vectors(compute.params(scene), scene.whole, [one.encoding.ids for one in parts(scene)])


def cosines(scene: Scene) -> np.ndarray:
    """[sentence, sentence]"""
    return similarity(vectors(scene))


@picture()
def alike(scene: Scene, words: Words) -> Picture:
    """Every sentence against every other."""
    a, names = cosines(scene), texts(scene)
    says, counted = _says(a, names, words), [number for number, _ in listed(scene)]
    figure = heatmap(
        a,
        counted,
        counted,
        row_role="@muted",
        column_role="@muted",
        zmax=1.0,
        decimals=1,
        comma=words.comma,
        hover=words("models.alike.hover"),
        square=False,
        width=WIDTH,
        height=height(scene),
        alt=says,
    )
    return Picture(figure, says, cells("akin.sentences", (ROW, COLUMN), a.shape))


def listed(scene: Scene) -> list[tuple[str, str]]:
    """The sentences, each after the number that it has in the map."""
    return [(str(number), text) for number, text in enumerate(texts(scene), 1)]


def height(scene: Scene) -> int:
    """Pixels of that map."""
    return 50 + LINE * len(texts(scene))


def _says(a: np.ndarray, names: list[str], words: Words) -> str:
    """No two are more alike than these; and how many have their translation as their likest. Or how many are lost."""
    if lost := int(np.isnan(a.diagonal()).sum()):
        return words("models.alike.says.lost", n=lost, of=len(a))
    others = np.where(np.eye(len(a), dtype=bool), -np.inf, a)
    first, second = np.unravel_index(int(others.argmax()), a.shape)
    n = len(IDEAS) * len(LANGUAGES)
    own = [others[i, i ^ 1] >= others[i].max() for i in range(n)]
    return words(
        "models.alike.says.most",
        first=words("quoted", token=names[first]),
        second=words("quoted", token=names[second]),
        value=float(others[first, second]),
        n=n,
        found=sum(own),
    )
