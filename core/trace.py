"""Trace: every intermediate array of one forward pass, under stable names.

The names are TransformerLens's activation names with `hook_` dropped. The trace is also the cache: `backward` reads
nothing else. NAMES says what each name holds; a layer's number stands for the `{i}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

import numpy as np

from .arguments import array, instance, several, text_of, wrong
from .config import ENCODER, Config
from .errors import ConfigError
from .interventions import NOTHING, Interventions
from .kinds import shown


@dataclass(frozen=True)
class Name:
    """What one name of a trace holds: its axes, the symbol in the papers, where it is defined, and who makes it."""

    axes: tuple[str, ...]
    symbol: str
    source: str
    made_by: str  # the function that puts it into the trace, by its full name


RESIDUAL = ("pos", "d_model")
HEADS = ("head", "pos", "d_head")
KEYS = ("kv_head", "pos", "d_head")
SCORES = ("head", "query", "key")
PER_TOKEN = ("pos", "1")
HIDDEN = ("pos", "d_mlp")

EMBED, BLOCK, ATTENTION, REST, FEED_FORWARD, MLP, NORM, UNEMBED = (
    f"{__package__}.model.{name}"
    for name in ("embed", "block", "attention", "after_attention", "feed_forward", "mlp", "norm", "unembed")
)


def _norm(prefix: str, what: str) -> dict[str, Name]:
    return {
        f"{prefix}.scale": Name(PER_TOKEN, r"\sqrt{\sigma^2+\epsilon}", "Ba et al. 2016, eq. 4", NORM),
        f"{prefix}.normalized": Name(RESIDUAL, r"\hat x", "Ba et al. 2016, eq. 4", NORM),
        f"{prefix}.out": Name(RESIDUAL, rf"\mathrm{{norm}}({what})", "Ba et al. 2016, eq. 4", NORM),
    }


def _attention(prefix: str, y: str, rotary: Mapping[str, Name]) -> dict[str, Name]:
    """What a multi-head attention leaves; y: where its keys and values come from."""
    heads, eq_1 = "Vaswani et al. 2017, section 3.2.2", "Vaswani et al. 2017, eq. 1"
    return {
        f"{prefix}.q": Name(HEADS, "Q", heads, ATTENTION),
        f"{prefix}.k": Name(KEYS, f"K{y}", heads, ATTENTION),
        f"{prefix}.v": Name(KEYS, f"V{y}", heads, ATTENTION),
        **{f"{prefix}.{name}": about for name, about in rotary.items()},
        f"{prefix}.scores": Name(SCORES, f"QK{y}^T", eq_1, ATTENTION),
        f"{prefix}.scores_scaled": Name(SCORES, rf"QK{y}^T/\sqrt{{d_k}}", eq_1, ATTENTION),
        f"{prefix}.scores_masked": Name(
            SCORES, rf"QK{y}^T/\sqrt{{d_k}}+M", "Vaswani et al. 2017, section 3.2.3", ATTENTION
        ),
        f"{prefix}.pattern": Name(SCORES, "A", eq_1, ATTENTION),
        f"{prefix}.z": Name(HEADS, f"AV{y}", eq_1, ATTENTION),
    }


_ROTARY = {
    "rot_q": Name(HEADS, r"R_p Q", "Su et al. 2021, eq. 14", ATTENTION),
    "rot_k": Name(KEYS, r"R_p K", "Su et al. 2021, eq. 14", ATTENTION),
}
_STACK: dict[str, Name] = {
    "embed": Name(RESIDUAL, "x W_E", "Vaswani et al. 2017, section 3.4", EMBED),
    "pos_embed": Name(RESIDUAL, "PE", "Vaswani et al. 2017, section 3.5", EMBED),
    **_norm("ln_embed", "x"),
    "blocks.{i}.resid_pre": Name(RESIDUAL, "X", "Vaswani et al. 2017, section 3.1", BLOCK),
    **_norm("blocks.{i}.ln1", "X"),
    **_attention("blocks.{i}.attn", "", _ROTARY),
    "blocks.{i}.attn_out": Name(RESIDUAL, r"\mathrm{Concat}(AV)\,W_O", "Vaswani et al. 2017, section 3.2.2", REST),
    "blocks.{i}.resid_mid": Name(RESIDUAL, "X'", "Vaswani et al. 2017, section 3.1", REST),
    **_norm("blocks.{i}.ln2", "X'"),
    "blocks.{i}.mlp.pre": Name(HIDDEN, r"xW_1+b_1", "Vaswani et al. 2017, eq. 2; gated: Shazeer 2020", MLP),
    "blocks.{i}.mlp.up": Name(HIDDEN, r"xV", "Shazeer 2020, eq. 5", MLP),
    "blocks.{i}.mlp.act": Name(HIDDEN, r"f(xW)", "Shazeer 2020, eq. 5", MLP),
    "blocks.{i}.mlp.post": Name(HIDDEN, r"f(xW_1+b_1)", "Vaswani et al. 2017, eq. 2", MLP),
    "blocks.{i}.mlp_out": Name(RESIDUAL, r"\mathrm{FFN}(x)", "Vaswani et al. 2017, eq. 2", FEED_FORWARD),
    "blocks.{i}.resid_post": Name(RESIDUAL, "X''", "Vaswani et al. 2017, section 3.1", REST),
    **_norm("ln_final", "X"),
}
_CROSS: dict[str, Name] = {
    **_norm("blocks.{i}.ln_cross", "X'"),
    **_attention("blocks.{i}.cross", r"_\mathrm{enc}", {}),
    "blocks.{i}.cross_out": Name(RESIDUAL, r"\mathrm{Concat}(AV)\,W_O", "Vaswani et al. 2017, section 3.2.3", REST),
    "blocks.{i}.resid_mid_cross": Name(RESIDUAL, "X'_c", "Vaswani et al. 2017, section 3.1", REST),
}
NAMES: dict[str, Name] = {
    **_STACK,
    **_CROSS,
    "logits": Name(("pos", "vocab"), r"x W_U", "Vaswani et al. 2017, section 3.4", UNEMBED),
    **{ENCODER + name: replace(about) for name, about in _STACK.items()},
}


@lru_cache(maxsize=4096)
def axes_of(name: str) -> tuple[str, ...]:
    """The axes of an array of a trace, by its name."""
    return NAMES[re.sub(r"\bblocks\.\d+\.", "blocks.{i}.", name)].axes


def mlp_stream(config: Config) -> str:
    """The name, in a block, of the stream that its MLP is added to."""
    return "resid_mid_cross" if config.cross else "resid_mid"


def before_mlp(config: Config) -> str:
    """The name, in a block, of the stream that its MLP reads, or that the norm before it reads."""
    return "resid_pre" if config.parallel else mlp_stream(config)


def last_stream(config: Config, prefix: str = "") -> str:
    """The name of what the blocks leave, for an unembedding or a decoder to read."""
    return prefix + ("ln_final.out" if config.final_norm else f"blocks.{config.n_layers - 1}.resid_post")


def checked_names(names: Iterable[str] | None, config: Config) -> tuple[str, ...] | None:
    """What to keep of a trace. Raises: ConfigError for names, or patterns, that no trace of so many layers has."""
    if names is None:
        return None
    return _checked_names(_checked(names), config.n_layers, config.n_encoder_layers)


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(text_of("names", name) for name in several("names", names, "names of a trace"))


@lru_cache(maxsize=256)
def _checked_names(names: tuple[str, ...], n_layers: int, n_encoder_layers: int) -> tuple[str, ...]:
    there = {
        name.format(i=i): None
        for name in NAMES
        for i in range(n_encoder_layers if name.startswith(ENCODER) else n_layers)
    }
    for name in names:
        if name not in there and not (_is_pattern(name) and any(fnmatchcase(one, name) for one in there)):
            near = ", ".join(get_close_matches(name, there, 3, 0.5)) or "see core.NAMES"
            raise wrong("names", name, f"in a trace of {_layers(n_layers, n_encoder_layers)}; near it: {near}")
    return names


def _layers(n_layers: int, n_encoder_layers: int) -> str:
    return f"{n_layers} layers" + (f" and an encoder's {n_encoder_layers}" if n_encoder_layers else "")


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


class Trace(Mapping[str, np.ndarray]):
    """Name -> read-only array, in the order of the computation; with the ids and interventions that it began from.

    names: what to keep, each a name or a pattern such as `blocks.*.attn.pattern`; None keeps all.
    mask: [..., pos], False where a token is padding, at which nobody looks; None: no padding.
    source: of an encoder-decoder, the part of this trace that its encoder wrote, as a trace of its own.
    source_mask: the padding of the source, which cross-attention heeds.
    """

    __slots__ = (
        "_all",
        "_arrays",
        "_names",
        "_patched",
        "_patterns",
        "_shapes",
        "ids",
        "interventions",
        "mask",
        "source",
        "source_mask",
    )

    def __init__(
        self,
        names: Iterable[str] | None = None,
        ids: np.ndarray | None = None,
        interventions: Interventions = NOTHING,
    ):
        self._arrays: dict[str, np.ndarray] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._all = names is None
        self._names = frozenset(() if names is None else _checked(names))
        self._patterns = [name for name in self._names if _is_pattern(name)]
        self.ids = None if ids is None else array("ids", ids, "iu")
        self.interventions = instance("interventions", interventions, Interventions)
        self._patched: set[str] = set()
        self.mask: np.ndarray | None = None
        self.source: Trace | None = None
        self.source_mask: np.ndarray | None = None

    def put(self, name: str, array: np.ndarray) -> np.ndarray:
        """Keep `array` under `name` if it was asked for; give it back either way, or what a patch makes of it."""
        if patch := self.interventions.patch.get(name):
            array = patch.into(name, array, len(axes_of(name)))
            self._patched.add(name)
        if self._keeps(name):
            self._arrays[name] = array
        if not self._all:
            self._shapes[name] = array.shape
        return array

    def needs(self, name: str) -> bool:
        """Whether an array that nothing follows from has to be computed: it is kept, or patched."""
        return self._keeps(name) or name in self.interventions.patch

    def _keeps(self, name: str) -> bool:
        return self._all or name in self._names or any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            array = self._arrays[name]
        except KeyError:
            near = get_close_matches(name, self._arrays, 3, 0.5)
            raise KeyError(f"{name}: this trace has no such array; near it: {', '.join(near) or 'none'}") from None
        array.flags.writeable = False  # here, not in `put`: most arrays of most traces are never read
        return array

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def row(self, name: str, place: int) -> np.ndarray:
        """One row of an array, along its first axis: no more than that has to be computed for it."""
        return self[name][place]

    def first(self, name: str, n: int) -> np.ndarray:
        """The first n positions of the vectors [..., pos, d] of a causal model: no more has to be computed for them."""
        return self[name][..., :n, :]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array that is there."""
        return self._arrays[name].shape

    @property
    def passed(self) -> dict[str, tuple[int, ...]]:
        """The shape of every array that the run came by, in order, kept or not; of a trace that keeps all, none."""
        return self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def unseen(self, interventions: Interventions) -> Trace:
        """A trace of the same texts, with their padding, that keeps nothing: of a run that goes on from this one's."""
        trace = Trace((), interventions=interventions)
        trace.mask, trace.source_mask = self.mask, self.source_mask
        return trace

    def check_patched(self) -> None:
        """Raises: ConfigError for a patch under a name that this run did not come by."""
        for name in self.interventions.patch.keys() - self._patched:
            raise wrong("patch", name, "a name that this model records; see core.NAMES, and what is off")

    @property
    def nbytes(self) -> int:
        """Bytes held, each array counted once although two names may share it."""
        return sum({id(a): a.nbytes for a in self._arrays.values()}.values())


class Part(Trace):
    """The names of a trace that begin alike, as a trace of their own: all that is put here is put there."""

    __slots__ = ("_prefix", "_whole")

    def __init__(self, whole: Trace, prefix: str, ids: np.ndarray | None, interventions: Interventions):
        super().__init__((), ids, interventions)
        self._whole, self._prefix = whole, prefix

    def put(self, name: str, array: np.ndarray) -> np.ndarray:
        """As Trace.put."""
        return self._whole.put(self._prefix + name, array)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._whole[self._prefix + name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._prefix + name in self._whole

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array that is there."""
        return self._whole.shape(self._prefix + name)

    def __iter__(self) -> Iterator[str]:
        start = len(self._prefix)
        return (name[start:] for name in self._whole if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def nbytes(self) -> int:
        """Bytes held, each array counted once although two names may share it."""
        return sum({id(self[name]): self[name].nbytes for name in self}.values())


class GradientFlow:
    """Gradients on their way back through a trace; `params` collects those of the parameters, by name.

    entering: name -> gradient that comes in at that activation from outside; it is added to what comes from above.
    keep: whether `kept` collects every activation's gradient. What is kept must not change later, so `put` it last.
    bug: whether one backward formula is to be wrong, for a gradient check to find.
    Past a patched number nothing flows: whatever came before, it is the same.
    Raises: ConfigError when no gradient enters, or one does not fit the trace.
    """

    __slots__ = ("_entering", "_keep", "_prefix", "_trace", "bug", "kept", "memory", "params")

    def __init__(self, trace: Trace, entering: Mapping[str, np.ndarray], keep: bool, bug: bool = False):
        if not entering:
            raise ConfigError("dlogits: no gradient enters; give dlogits, or upstream at some activation", "dlogits")
        for name, gradient in entering.items():
            if not isinstance(name, str) or name not in trace:
                raise ConfigError(f"upstream: this trace has no activation {shown(name)}", "upstream")
            if (shape := array("upstream", gradient).shape) != trace[name].shape:
                shapes = f"{shape} does not fit {trace[name].shape}"
                raise ConfigError(f"upstream: the gradient of {name}, {shapes}", "upstream")
        self._trace = trace
        self._entering = {name: np.asarray(gradient, trace[name].dtype) for name, gradient in entering.items()}
        self._keep = keep
        self._prefix = ""
        self.bug = bug
        self.kept: dict[str, np.ndarray] = {}
        self.memory: np.ndarray | None = None  # of the encoder's output, as far as the decoder has given it one
        self.params: dict[str, np.ndarray] = {}

    def part(self, prefix: str) -> GradientFlow:
        """The same flow through the names that begin so; `params` collects the gradients under shorter names too."""
        part = copy(self)
        part._prefix, part.params = prefix, {}
        return part

    def remember(self, dmemory: np.ndarray) -> None:
        """Add to the gradient of the encoder's output, at which every block of the decoder looks."""
        self.memory = dmemory if self.memory is None else self.memory + dmemory

    def put(self, name: str, gradient: np.ndarray | None = None) -> np.ndarray:
        """The whole gradient at `name`: what comes from above (None: nothing does) and what enters here."""
        name = self._prefix + name
        entering = self._entering.get(name)
        if gradient is None:
            gradient = np.zeros_like(self._trace[name]) if entering is None else entering
        elif entering is not None:
            gradient = gradient + entering
        if self._keep:
            self.kept[name] = gradient
        if patch := self._trace.interventions.patch.get(name):
            gradient = replace(patch, value=np.zeros(())).into(name, gradient, len(axes_of(name)))
        return gradient
