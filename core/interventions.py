"""What is changed while a Transformer runs, its weights untouched: parts, heads, edges, temperature, patches.

The parts, and how the model runs without them:

scale      the scores are not divided by sqrt(d_head)
mask       no key is hidden
softmax    every query looks alike at all the keys that the mask leaves it, whatever the scores say
positions  no position is added to the embeddings; queries and keys are not turned
W_V        the identity matrix stands for W_V and its bias: a head's values are its slice of x
W_O        the identity matrix stands for W_O and its bias: the heads' outputs side by side are the layer's output
residual   attention and MLP replace the stream instead of being added to it
norm       no norm anywhere, the one after the embeddings and the one before the unembedding included
mlp        no MLP: a block is attention alone
cross      a decoder without its cross-attention: it never looks at what its encoder read

In an encoder-decoder each is taken out of both stacks, and out of all three kinds of attention.

An identity matrix that is not square has ones on its diagonal and zeros elsewhere: with fewer key and value heads than
query heads, value head g takes its slice of the first n_kv_heads * d_head features of x, and no head takes the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from .activations import axes_of
from .arguments import array, is_number, mapping, several, text_of, whole, wrong
from .config import ENCODER, Config
from .errors import ConfigError
from .kinds import shown

PARTS = ("scale", "mask", "softmax", "positions", "W_V", "W_O", "residual", "norm", "mlp")
OF_TWO_STACKS: dict[str, dict[str, Any]] = {"cross": {"cross": False}}  # parts that only an encoder-decoder has
IN_CROSS, IN_ENCODER = "cross", ENCODER.removesuffix(".")  # where a head is that is not in the decoder's own attention
ELSEWHERE = (IN_CROSS, IN_ENCODER)
Head = tuple[int, int] | tuple[int, int, str]  # layer, head; and where
Edge = tuple[int, int, int, int]  # layer, head, query, key
EVERY_PART = (*PARTS, *OF_TWO_STACKS)
MATRICES = {"W_V", "W_O"}  # parts of every model with projections

# Most parts are choices of the Config: this is the choice without the part. The others `attention` leaves out itself.
WITHOUT: dict[str, dict[str, Any]] = {
    "scale": {"scale": False},
    "mask": {"causal": False},
    "positions": {"positions": "none", "sine_halves": False},
    "residual": {"residual": False},
    "norm": {"norm": "none", "embed_norm": False, "final_norm": False},
    "mlp": {"d_mlp": 0, "gated": False, "encoder_d_mlp": None},
}

# What can be added to a model that has no such part: what brings no weights, or weights that start at one.
ADDED: dict[str, dict[str, Any]] = {
    "scale": {"scale": True},
    "mask": {"causal": True},
    "positions": {"positions": "sinusoidal"},
    "residual": {"residual": True},
    "norm": {"norm": "layer", "norm_at": "post"},
}


# (field, value) of the Config -> the part that this choice takes out of a model that has it.
TAKEN_OUT = {next(iter(changes.items())): part for part, changes in WITHOUT.items()}


@lru_cache(maxsize=256)
def parts_of(config: Config) -> tuple[str, ...]:
    """The parts that this model has, in the order of PARTS: taking out any other changes nothing."""
    taken = WITHOUT | OF_TWO_STACKS
    own = {part for part, changes in taken.items() if config.replace(**changes) != config}
    own |= {"softmax", *MATRICES} if config.projections else {"softmax"}
    return tuple(part for part in EVERY_PART if part in own)


def without(config: Config, off: Iterable[str]) -> Config:
    """The Config with the parts `off` taken out, as far as a Config can say it."""
    return _without(config, frozenset(off)) if off else config


Overrides = tuple[tuple[str, Any], ...]  # (field, value) of a Config, sorted


@lru_cache(maxsize=1024)
def one_spelling(own: Config, overrides: Overrides, off: tuple[str, ...]) -> tuple[Overrides, tuple[str, ...]]:
    """Overrides of the Config `own` and parts taken out of it, each change said in the one way that there is for it.

    A part that `own` has is taken out by `off`, never by an override. One that it lacks is added by overrides, and
    taken out by leaving those away. `own`'s own value overrides nothing.
    """
    values = {name: value for name, value in overrides if getattr(own, name) != value}
    gone = {TAKEN_OUT[change]: change[0] for change in values.items() if change in TAKEN_OUT}
    values = {name: value for name, value in values.items() if name not in gone.values()}
    for part in {*off} - {*parts_of(own)}:
        for name in (*WITHOUT.get(part, ()), *ADDED.get(part, ())):
            values.pop(name, None)
    has = {*parts_of(own)} - MATRICES | (MATRICES if values.get("projections", own.projections) else set())
    return tuple(sorted(values.items())), tuple(sorted({*off, *gone} & has))


@lru_cache(maxsize=256)
def _without(config: Config, off: frozenset[str]) -> Config:
    changes = [change for part, change in (WITHOUT | OF_TWO_STACKS).items() if part in off]
    return config.replace(**{field: value for change in changes for field, value in change.items()})


# ------------------------------------------------------------------------------- in one run


@dataclass(frozen=True, eq=False)
class Patch:
    """Another array in the place of one that the model computes: activation patching (Vig et al. 2020, section 3; Meng
    et al. 2022, section 2, where a clean run's array is restored in a corrupted run; Wang et al. 2023, where another
    run's breaks a clean one).

    index: which part of it, as NumPy would say it over the name's own axes (core.NAMES): heads, positions, edges. A
    batch may stand in front, and all of it is patched alike. (): the whole.
    value: of the part's shape, or one that NumPy stretches to it. A masked score of -inf cuts an edge: the query no
    longer looks at the key.
    """

    index: Any
    value: np.ndarray

    @classmethod
    def of(cls, name: str, given: Any) -> Patch:
        """Raises: ConfigError for what is no array, and no (index, array)."""
        if isinstance(given, Patch):
            return given
        index, value = given if isinstance(given, tuple) and len(given) == 2 else ((), given)
        value = np.array(array("patch", value))  # a copy: the caller may go on with what was given
        value.flags.writeable = False
        index = index if isinstance(index, tuple) else (index,)
        return cls(tuple(np.array(part) if isinstance(part, list | np.ndarray) else part for part in index), value)

    def into(self, name: str, array: np.ndarray, n_axes: int) -> np.ndarray:
        """A copy of an array [...] of so many axes of its own, patched: [...] -> [...]. Raises: ConfigError."""
        patched = array.copy(order="K")  # laid out in memory as before, so that BLAS adds up in the same order
        try:
            patched[(slice(None),) * (array.ndim - n_axes) + self.index] = self.value
        except (IndexError, ValueError, TypeError) as error:
            where = f"{shown(self.index)} of {name}" if self.index else name
            raise ConfigError(
                f"patch: {where}, of shape {array.shape}, takes no {self.value.shape}: {error}", "patch"
            ) from None
        return patched


@dataclass(frozen=True)
class Interventions:
    """What is changed while the model runs, its weights untouched."""

    temperature: float = 1.0  # the softmax of attention divides its exponents by it
    # (layer, head) whose output z is set to zero; (layer, head, "cross"), of cross-attention; (..., "encoder").
    ablated: frozenset[Head] = frozenset()
    off: frozenset[str] = frozenset()  # parts taken out, of PARTS
    # Name of a trace -> array in its place, or (index, array) for some of it; see Patch.
    patch: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    # (layer, head, query, key) whose score is -inf: the query no longer looks there, and the rest of its row makes up
    # for it. Of positions that the text has not, nothing is cut. Wang et al. 2023, section 3.1, knock out edges so.
    cut: frozenset[Edge] = frozenset()

    def __post_init__(self) -> None:
        if not is_number(self.temperature) or self.temperature <= 0:
            raise wrong("temperature", self.temperature, "a finite number above 0")
        heads = [_head(pair) for pair in several("ablated", self.ablated, "heads (layer, head)")]
        for part in (parts := several("off", self.off, "parts")):
            if not (isinstance(part, str) and part in EVERY_PART):
                raise wrong("off", part, f"one of {', '.join(EVERY_PART)}")
        object.__setattr__(self, "ablated", frozenset(heads))  # the caller may go on with the set that was given
        object.__setattr__(self, "off", frozenset(parts))
        edges = [_edge(edge) for edge in several("cut", self.cut, "edges (layer, head, query, key)")]
        object.__setattr__(self, "cut", frozenset(edges))
        patch = mapping("patch", self.patch, "from names of a trace to arrays, or to (index, array)")
        patches = {text_of("patch", name): Patch.of(name, given) for name, given in patch.items()}
        object.__setattr__(self, "patch", MappingProxyType(patches))

    def check(self, config: Config) -> None:
        """Raises: ConfigError for a head that the model has not."""
        for layer, head, *_ in self.cut:
            if fault := no_head(config, (layer, head)):
                raise ConfigError(f"cut: {fault}", "cut")
        for place in self.ablated:
            if fault := no_head(config, place):
                raise ConfigError(f"ablated: {fault}", "ablated")

    def ablated_in(self, layer: int, kind: str = "attn") -> list[int]:
        """The heads of one layer that are switched off: of its own attention, or of kind "cross"."""
        where = [] if kind == "attn" else [kind]
        return [head for at, head, *place in self.ablated if at == layer and place == where]

    def cut_in(self, layer: int) -> list[tuple[int, int, int]]:
        """The edges (head, query, key) of one layer's own attention that are cut."""
        return [(head, query, key) for at, head, query, key in self.cut if at == layer]

    def put_in(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Which numbers of an array of this shape, a batch in front or not, a patch puts there: bool of that shape."""
        nowhere = np.zeros(shape, bool)
        if (patch := self.patch.get(name)) is None:
            return nowhere
        return replace(patch, value=np.array(True)).into(name, nowhere, len(axes_of(name)))

    def of_encoder(self) -> Interventions:
        """What of this concerns the encoder, as it is said to a model that is one."""
        heads = frozenset((layer, head) for layer, head, *where in self.ablated if where == [IN_ENCODER])
        own = [name for name in self.patch if name.startswith(ENCODER)]
        patch = {name.removeprefix(ENCODER): self.patch[name] for name in own}
        return replace(self, ablated=heads, patch=patch, cut=frozenset())


def no_head(config: Config, head: Head) -> str:
    """Why a model has no such head; "" of one that it has."""
    layer, number, *where = head
    if (where == [IN_CROSS] and not config.cross) or (where == [IN_ENCODER] and not config.n_encoder_layers):
        return f"{layer}.{number}.{where[0]}: the model has no such attention"
    stack = config.encoder if where == [IN_ENCODER] else config
    if 0 <= layer < stack.n_layers and 0 <= number < stack.n_heads:
        return ""
    return f"head {layer}.{number} is outside {stack.n_layers} x {stack.n_heads}"


def _head(place: object) -> Head:
    if not isinstance(place, tuple) or len(place) < 2 or place[2:] not in ((), (IN_CROSS,), (IN_ENCODER,)):
        raise wrong("ablated", place, f"a head, (layer, head), or of an encoder-decoder {_OTHER_HEADS}")
    return whole("ablated", place[0]), whole("ablated", place[1]), *place[2:]


def _edge(place: object) -> Edge:
    if not isinstance(place, tuple) or len(place) != 4:
        raise wrong("cut", place, "an edge, (layer, head, query, key)")
    layer, head, query, key = (whole("cut", part) for part in place)
    return layer, head, query, key


_OTHER_HEADS = f'(layer, head, "{IN_CROSS}") or (layer, head, "{IN_ENCODER}")'
NOTHING = Interventions()
