"""A check: a Scene, a question of one kind, and an expression that computes the answer from the Scene's arrays."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..arguments import instance
from ..errors import CheckError
from ..kinds import shown
from ..limits import SEED
from ..presets import REAL
from ..scene.scene import Scene
from .arrays import Arrays
from .expression import evaluate, parse
from .functions import FUNCTIONS

FILE = Path(__file__).with_name("checks.toml")
# What a reader is asked for, and what the expression gives: choose, the place of an option; number; order, a value for
# each option, the greatest comes first; cell, [query, key] or [key] of the chosen query, the greatest is meant; row,
# the weights [key]; head, [layer, head], the greatest is meant.
KINDS = ("choose", "number", "order", "cell", "row", "head")
VARIED = ("seed", "draw_seed", "train_seed", "sentence", "")
Answer = Any  # float, an option's name, options in order, (query, key), an array [key], (layer, head); by kind


@dataclass(frozen=True)
class Check:
    """What is asked about a Scene. The words for it are in content/, under the check's name.

    beside: name -> fields, as links write them, in which another Scene that the expression reads differs; "+1" is
    the next seed.
    varies: the field that makes another question of it; of sentences there are some in `sentences`.
    any_model: whether it can be asked of any real model that writes; its own Scene has a shipped one.
    covers: the figures of `page` that would give the answer away. scale: the range that a number is guessed in.
    """

    name: str
    page: str
    scene: Scene
    kind: str
    expression: str
    belief: int = 0  # the number of the belief that it tests; 0: none of the list's
    wrong: tuple[str, ...] = ()  # what a misconception would give: expressions, or of `choose` options
    tolerance: float = 0.0
    options: tuple[str, ...] = ()
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    varies: str = ""
    any_model: bool = False
    sentences: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        told = (("kind", self.kind, KINDS), ("varies", self.varies, VARIED))
        for name, value, right in told:
            if value not in right:
                raise CheckError(f"{self.name}: {name} {shown(value)} is none of {', '.join(filter(None, right))}")
        if (self.kind in ("choose", "order")) != bool(self.options):
            raise CheckError(f"{self.name}: options are for choose and order, and {self.kind} has {self.options}")
        for text in (self.expression, *(() if self.kind == "choose" else self.wrong)):
            parse(text)
        if self.kind == "choose" and not {*self.wrong} <= {*self.options}:
            raise CheckError(f"{self.name}: wrong {self.wrong} is not among {self.options}")

    @property
    def differs_in(self) -> str:
        """The field in which its questions differ; "" where there is one question."""
        return "model" if self.any_model else self.varies

    def of(self, scene: Scene | None) -> Scene:
        """The check's own Scene; of `any_model`, with the model of `scene`, where it can be asked of that."""
        if scene and self.any_model and scene.model.startswith(REAL) and scene.preset.config.causal:
            return self.scene.turn(model=scene.model)
        return self.scene

    def variant(self, number: int) -> Scene:
        """The Scene of another question of this kind; 0 is the check's own."""
        if not number or not self.varies:
            return self.scene
        if self.varies == "sentence":
            return self.scene.turn(sentence=self.sentences[(number - 1) % len(self.sentences)])
        return self.scene.turn(**{self.varies: _further(getattr(self.scene, self.varies), number)})

    def asked(self, scene: Scene) -> Scene:
        """The check's Scene with what varies, or its model, taken from `scene`: the question that is asked there."""
        if not self.varies or scene.model != self.scene.model:
            return self.of(scene)
        value = getattr(scene, self.varies)
        known = self.varies != "sentence" or value in self.sentences  # any seed makes a question, but not any sentence
        return self.scene.turn(**{self.varies: value}) if known else self.scene


def _further(seed: int, more: int) -> int:
    """A seed so many further on; after the last one comes the first."""
    low, high = SEED
    return low + (seed + more - low) % (high - low + 1)


@cache
def _load() -> dict[str, Check]:
    found = tomllib.loads(FILE.read_text("utf-8"))
    sentences = found.pop("sentences")
    return {name: _check(name, table, sentences) for name, table in found.items()}


def _check(name: str, table: dict[str, Any], sentences: Sequence[str]) -> Check:
    scene, notices = Scene.from_query(table.pop("scene"))
    if notices:
        raise CheckError(f"{name}: its Scene has no {notices[0].field} {notices[0].value!r}")
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    if table.get("varies") == "sentence":
        table.setdefault("sentences", tuple(sentences))
    return Check(name, scene=scene, expression=table.pop("answer"), **table)


class _Checks(Mapping[str, Check]):
    """The checks by name, read from their file when the first one is asked for."""

    def __getitem__(self, name: str) -> Check:
        return _load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_load())

    def __len__(self) -> int:
        return len(_load())


CHECKS: Mapping[str, Check] = _Checks()


class Reader:
    """What a check's expressions read: its Scene's arrays, and those of the Scenes beside it."""

    def __init__(self, check: Check, scene: Scene):
        self._check, self._scene = check, scene
        self._arrays: dict[str, Arrays] = {}

    def at(self, name: str, beside: str = "") -> Any:
        if not isinstance(name, str) or not isinstance(beside, str):
            raise CheckError("expression: at takes the name of an array, and perhaps that of a Scene beside")
        if beside not in self._arrays:
            self._arrays[beside] = Arrays(beside_scene(self._check, self._scene, beside) if beside else self._scene)
        return self._arrays[beside].read(name)

    def value(self, text: str) -> Any:
        return evaluate(text, self.names, FUNCTIONS | {"at": self.at})

    @cached_property
    def names(self) -> Mapping[str, int]:
        """The numbers that an expression can name: what is chosen in the Scene, and its sizes."""
        scene, config = self._scene, self._scene.config
        chosen = dict(zip(("layer", "head", "query", "key"), (*scene.place, *scene.cell), strict=True))
        sizes = {"n": len(scene.tokens), "last": len(scene.tokens) - 1, "d_head": config.head_width}
        fields = ("d_model", "d_mlp", "n_heads", "n_layers", "vocab_size")
        return MappingProxyType(chosen | sizes | {name: getattr(config, name) for name in fields})


def beside_scene(check: Check, scene: Scene, name: str) -> Scene:
    """The Scene beside `scene` that a check's expression calls `name`. Raises: CheckError for one that cannot be."""
    if name not in check.beside:
        raise CheckError(f"expression: there is no Scene {name!r} beside; there are {', '.join(check.beside)}")
    query = scene.to_query()
    for key, text in check.beside[name].items():
        query[key] = str(_further(getattr(scene, key), int(text[1:]))) if text.startswith("+") else text
    other, notices = Scene.from_query({key: text for key, text in query.items() if text})
    if notices:
        raise CheckError(f"{check.name}: the Scene {name!r} beside it has no {notices[0].field} {notices[0].value!r}")
    return other


# ---------------------------------------------------------------------------------------------------------- answers


def _reader(check: Check, scene: Scene | None) -> Reader:
    instance("check", check, Check)
    if scene is not None:
        instance("scene", scene, Scene)
    return Reader(check, check.scene if scene is None else scene)


def values(check: Check, scene: Scene | None = None) -> np.ndarray:
    """What the check's expression gives: a number [] of `number` and `choose`, else the array that KINDS says.

    scene: another one than the check's own. Raises: CheckError where the Scene lacks what the check reads, or where
    what comes is not finite or of another shape.
    """
    reader = _reader(check, scene)
    return _formed(check, reader.value(check.expression), reader.names)


def _formed(check: Check, value: Any, names: Mapping[str, int]) -> np.ndarray:
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):  # a text, or rows of different lengths
        raise CheckError(f"{check.name}: {shown(value)} is no number, and no array of numbers") from None
    n, heads = names["n"], (names["n_layers"], names["n_heads"])
    shapes: dict[str, list[tuple[int, ...]]] = {
        "choose": [()],
        "number": [()],
        "order": [(len(check.options),)],
        "row": [(n,)],
    }
    shapes |= {"cell": [(n, n), (n,)], "head": [heads]}
    if found.shape not in shapes[check.kind] or not np.isfinite(found).all():
        raise CheckError(f"{check.name}: {shown(found)} is no answer of the kind {check.kind}")
    return found


def answer(check: Check, scene: Scene | None = None) -> Answer:
    """The answer to a check, computed: on its own Scene, or on another one.

    A number; of `choose` an option; of `order` the options in order; of `cell` (query, key); of `row` the weights
    [key]; of `head` (layer, head). Of several that are equally right, the first; `is_right` knows the others.
    Raises: ConfigError for what is no check or no Scene; CheckError as `values`.
    """
    reader = _reader(check, scene)
    return _told(check, _formed(check, reader.value(check.expression), reader.names), reader.names)


def _told(check: Check, found: np.ndarray, names: Mapping[str, int]) -> Answer:
    match check.kind:
        case "number":
            return float(found)
        case "choose":
            return check.options[int(found)]
        case "order":
            return tuple(check.options[i] for i in np.argsort(-found, kind="stable"))
        case "row":
            return found
    place = tuple(int(i) for i in np.unravel_index(np.argmax(found), found.shape))
    return (names["query"], *place) if found.ndim == 1 else place


def belief_answers(check: Check, scene: Scene | None = None) -> tuple[Answer, ...]:
    """The wrong answers, each as a misconception would compute it from the same arrays; those that are right are left
    away. Raises: as `answer`."""
    reader = _reader(check, scene)
    truth = values(check, scene)
    if check.kind == "choose":
        found = list[Answer](check.wrong)
    else:
        found = [_told(check, _formed(check, reader.value(text), reader.names), reader.names) for text in check.wrong]
    return tuple(one for one in found if not is_right(check, one, truth))


def distance(check: Check, guess: Answer, truth: np.ndarray) -> float:
    """How far a guess is from `truth`, what `values` gave.

    Of numbers the difference. Of a row the share of its weight that lies at the wrong place: half the sum of the
    differences. Of an order the pairs that stand the wrong way round. Of a cell or a head how much less is there than
    at the greatest. Of a choice 0 or 1.
    """
    match check.kind:
        case "number":
            return abs(float(guess) - float(truth))
        case "choose":
            return float(check.options[int(truth)] != guess)
        case "row":
            return float(np.abs(np.asarray(guess, np.float64) - truth).sum() / 2)
        case "order":
            placed = [truth[check.options.index(option)] for option in guess]
            return float(sum(a < b for i, a in enumerate(placed) for b in placed[i + 1 :]))
    place = tuple(guess)[-truth.ndim :]
    return float(truth.max() - truth[place])


def is_right(check: Check, guess: Answer, truth: np.ndarray) -> bool:
    """Whether a guess is as near to `truth`, what `values` gave, as the check asks."""
    return distance(check, guess, truth) <= check.tolerance + 1e-9
