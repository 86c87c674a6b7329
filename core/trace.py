"""Trace: every intermediate array of one forward pass, under the names of `core.NAMES`.

The trace is also the cache: `backward` reads nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np

from .activations import axes_of, is_pattern, listed
from .arguments import array, instance, wrong
from .interventions import NOTHING, Interventions


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
        self._names = frozenset(() if names is None else listed(names))
        self._patterns = [name for name in self._names if is_pattern(name)]
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
            near = get_close_matches(name, self._arrays, 3, 0.5) if isinstance(name, str) else []
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
