"""What a field of the Scene is: default, kind of value, and whether it is computed or only looked at, all in one place.

A field is declared once, in scene.py; its check, its text in a link, what a reader is told, and the tests' random
Scenes follow from its kind (core/kinds.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any

from .. import limits
from ..config import CHOICES, TYPES
from ..errors import SceneError
from ..interventions import ELSEWHERE, EVERY_PART
from ..kinds import Choice, Flag, Kind, Maybe, Number, Raised, Rows, Several, Text, Whole, shown
from ..tokenizer.text import normalized
from .sentence import fit_target

# Those of core.tasks.
TASK_NAMES = ("copy", "reverse", "sort", "repeat", "addition", "stories", "translate", "characters")
TRAINED_SIZES = ("", "small", "medium", "large")  # "": the task's own
TRAINED_PACES = ("slow", "steady", "full")
LANGUAGES = ("", "pt-BR", "en")  # "": the browser's
INSIDE = ("resid_pre", "norm", "attn_out", "resid_mid", "units", "mlp_out", "resid_post")  # of a block
KINDS = ("cross", "encoder", "decoder")  # of attention, in a model of two stacks
STEPS = ("x", "q", "k", "v", "scores", "scores_scaled", "scores_masked", "pattern", "z")  # of attention

Edit = tuple[int, int, float]  # position, dimension, value
MatrixEdit = tuple[str, int, int, float]  # Q or K, row, column, value
Override = tuple[str, "int | bool | str"]
Numbered = tuple[str, tuple[int, ...]]  # a number: its name and its place
Patched = tuple[str, tuple[int, ...]]  # an array's name, and which part of it: its place along the first axes


def computed(default: Any, kind: Kind) -> Any:
    """A field on which the numbers depend."""
    return field(default=default, metadata={"kind": kind})


def view(default: Any, kind: Kind, *, was: str = "") -> Any:
    """A field that says only how the numbers are looked at. was: its name in old links, which still open."""
    return field(default=default, metadata={"kind": kind, "view": True, "was": was})


def is_view(one: Field[Any]) -> bool:
    """Whether a field says only how the numbers are looked at."""
    return bool(one.metadata.get("view"))


@cache
def kinds(scene: type) -> dict[str, Kind]:
    """Name of a field -> what it may hold."""
    return {one.name: one.metadata["kind"] for one in fields(scene)}


# ------------------------------------------------------------------------------------- kinds that only a Scene has


@dataclass(frozen=True)
class Overrides(Kind):
    """Values of a Config's fields, sorted, each field once. In a link each stands under the field's own name."""

    kinds: Mapping[str, Kind]
    what = "a tuple of pairs (field of the Config, value), sorted, each field once"

    def takes(self, value: Any) -> bool:
        return not any(self._faults(value))

    def check(self, name: str, value: Any, error: Raised = SceneError) -> None:
        for fault, message in self._faults(value):
            raise error(message, fault)

    def check_one(self, name: Any, value: Any) -> None:
        """Raises: SceneError for what is no field to override, or no value for it."""
        if not isinstance(name, str) or name not in self.kinds:
            raise SceneError(f"{shown(name)}: cannot be overridden; it is none of {', '.join(self.kinds)}", str(name))
        self.kinds[name].check(name, value, SceneError)

    def _faults(self, value: Any) -> Iterator[tuple[str, str]]:
        """(name at fault, message)."""
        if not isinstance(value, tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
            yield "overrides", f"overrides: {shown(value)} is not {self.what}"
            return
        for pair in value:
            try:
                self.check_one(*pair)
            except SceneError as error:
                yield error.field, str(error)
                return
        if tuple(sorted(dict(value).items())) != value:
            yield "overrides", "overrides: must be sorted, each field once"


@dataclass(frozen=True)
class Trail(Kind):
    """Numbers, each a name of a trace (or what else `core.explain` knows) and its place in that array: the way from one
    number to another that it is made of."""

    most: int
    right = "blocks.0.attn.pattern:0.3.1, …"

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"a tuple of at most {self.most} pairs (name, place), such as (('blocks.0.attn.pattern', (0, 3, 1)),)"

    def takes(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) <= self.most and all(map(self._is_number, value))

    def _is_number(self, one: Any) -> bool:
        if not (isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], tuple)):
            return False
        name, index = one
        return bool(re.fullmatch("[A-Za-z0-9_.]{1,60}", name)) and 1 <= len(index) <= 4 and all(map(PLACE.takes, index))

    def read(self, text: str) -> tuple[Numbered, ...]:
        parts = (part.partition(":") for part in text.split(","))
        return tuple((name, tuple(map(PLACE.read, index.split(".")))) for name, _, index in parts)

    def write(self, value: Iterable[Numbered]) -> str:
        return ",".join(f"{name}:{'.'.join(map(str, index))}" for name, index in value)


@dataclass(frozen=True)
class Part(Kind):
    """An array of a trace that may be put into another run, and which part of it: (name, place along its first axes).

    The stream that enters a layer, by position; the outputs of its heads, by head and position; its MLP's, by position.
    """

    right = "blocks.1.resid_pre:3, blocks.1.attn.z:0.2, blocks.1.mlp_out"

    @property
    def what(self) -> str:  # type: ignore[override]
        return "a pair (name, place), such as ('blocks.1.attn.z', (0, 2))"

    def takes(self, value: Any) -> bool:
        if not (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)):
            return False
        name, place = value
        found = re.fullmatch(PATCHED, name)
        most = 2 if name.endswith(".z") else 1
        return bool(found) and isinstance(place, tuple) and len(place) <= most and all(map(INDEX.takes, place))

    def read(self, text: str) -> Patched:
        name, _, place = text.partition(":")
        return name, tuple(map(INDEX.read, place.split("."))) if place else ()

    def write(self, value: Patched) -> str:
        name, place = value
        return f"{name}:{'.'.join(map(str, place))}" if place else name


def _typed(text: str) -> str:
    """The same text in another Unicode form is the same Scene; what is far too long is refused as it is."""
    return normalized(text) if len(text) <= limits.TYPED else text


def _of_config(name: str) -> Kind:
    return Choice(CHOICES[name]) if name in CHOICES else Flag() if TYPES[name] is bool else Whole(*_SIZES[name])


# The Config's fields that a Scene may override: the sizes, each in its range, and then the choices.
_SIZES = {"d_model": limits.D_MODEL, "n_heads": limits.HEADS, "n_layers": limits.LAYERS, "d_mlp": limits.D_MLP}
_CHOICES = ("causal", "scale", "residual", "projections", "gated", "positions", "norm", "norm_at", "activation", "init")
OVERRIDES = Overrides({name: _of_config(name) for name in (*_SIZES, *_CHOICES)})
EDITS = Rows(
    {"position": Whole(), "dimension": Whole(), "value": Number(*limits.EDIT)}, joints=".:", keys=2, most=limits.EDITS
)
GRID = Whole(0, limits.GRID - 1)
MATRIX_EDITS = Rows(
    {"matrix": Choice(("K", "Q")), "row": GRID, "column": GRID, "value": Number(*limits.EDIT)}, joints="..:", keys=3
)
ABLATED = Rows({"layer": Whole(), "head": Whole(), "attention": Choice(ELSEWHERE)}, joints="..", keys=3, optional=True)
FORCED = Rows({"position": Whole(0, limits.LONG - 1), "token": Whole(0, limits.VOCABULARY - 1)}, joints=".", keys=1)
CUT = Rows(
    {"layer": Whole(), "head": Whole(), "query": Whole(), "key": Whole()}, joints="...", keys=4, most=limits.EDITS
)
OFF = Several(Choice(EVERY_PART))
INDEX = Whole(0, limits.LONG)
PLACE = Whole(0, limits.VOCABULARY - 1)  # along an axis of an array
EXPLAINED = Trail(limits.TRAIL)
PATCHED = r"(encoder\.)?blocks\.([0-9]{1,3})\.(resid_pre|attn\.z|cross\.z|mlp_out)"
PATCH = Maybe(Part())
SEED = Whole(*limits.SEED)
SENTENCE = Text(told=f"0..{limits.TOKENS} tokens", form=_typed)
TARGET_CHARACTERS = f"{limits.TARGET_CHARACTERS} characters"
TARGET = Text(f"at most {TARGET_CHARACTERS}, one line; see fit_target", f"0..{TARGET_CHARACTERS}", fit_target, _typed)
STEP = Whole(*limits.MOMENT)
