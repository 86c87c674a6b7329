"""A Subject: all that is known of one run, and a way to each of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..activations import axes_of
from ..arguments import array, instance, is_whole, mapping, wrong
from ..backward import backward
from ..config import ENCODER, Config
from ..errors import ConfigError
from ..interventions import without
from ..kinds import shown
from ..ops.loss import cross_entropy
from ..params import Params, encoder_params
from ..trace import Trace
from .explanation import Operand

GRAD = "grad."  # before the name of what the loss is differentiated by
LOSS = "loss."  # before the name where a gradient enters from outside
LENGTH = "length."  # before the name of vectors: how long each of them is
ALONE = ("pos_embed",)  # what no batch stands in front of


@dataclass(frozen=True)
class Subject:
    """A trace, the model that made it, and, where there is one, the loss that is differentiated.

    ids: of the tokens; None where embeddings were given. edits: cells of the embeddings that the reader wrote; by_hand:
    positions whose embeddings were chosen by hand, and stand in no table. counts [..., pos]: the positions whose loss
    is meant, None: all. known: gives the gradients of that loss, where somebody has them.
    """

    params: Params
    config: Config  # without what is off
    trace: Trace
    ids: np.ndarray | None = None
    edits: frozenset[tuple[int, int]] = frozenset()
    by_hand: frozenset[int] = frozenset()
    targets: np.ndarray | None = None
    upstream: Mapping[str, np.ndarray] = field(default_factory=dict)
    decoder: Subject | None = None  # of an encoder: what looks at it
    counts: np.ndarray | None = None
    known: Callable[[], Mapping[str, np.ndarray]] | None = None

    @classmethod
    def of(
        cls, run: Any, targets: Any = None, upstream: Mapping[str, np.ndarray] | None = None, counts: Any = None
    ) -> Subject:
        """Raises: ConfigError for what is no Run, and has none of its .params, .config and .trace."""
        if isinstance(run, cls):
            return run
        if not (isinstance(getattr(run, "trace", None), Trace) and isinstance(getattr(run, "config", None), Config)):
            raise wrong("run", run, "a Run, or what has a .params, a .config and a .trace as it has")
        trace, scene = run.trace, getattr(run, "scene", None)
        ids: np.ndarray | None = trace.ids
        edits: frozenset[tuple[int, int]] = frozenset()
        by_hand: frozenset[int] = frozenset()
        if scene is not None:
            words = scene.preset.by_hand
            ids = run.encoding.ids if ids is None else ids  # a decoder reads what it wrote, not the sentence
            edits = frozenset((position, dimension) for position, dimension, _ in scene.edits)
            by_hand = frozenset(i for i, token in enumerate(run.encoding.tokens) if token in words)
        if targets is not None:
            targets = array("targets", targets, "iu")
        if counts is not None:
            counts = array("counts", counts, "b")
        entering = mapping("upstream", {} if upstream is None else upstream, "from activations to their gradients")
        config = without(run.config, trace.interventions.off)
        return cls(run.params, config, trace, ids, edits, by_hand, targets, dict(entering), counts=counts)

    # ------------------------------------------------------------------------------------------------- numbers

    @cached_property
    def _found(self) -> dict[str, Any]:
        """Arrays by name, as they were asked for."""
        return {}

    @cached_property
    def encoder(self) -> Subject:
        """The encoder as a Subject of its own, by the names of a model that is one. Raises: ConfigError."""
        if self.trace.source is None:
            raise ConfigError("trace: its source was read before it began, or there is none", "trace")
        own = {name.removeprefix(ENCODER): up for name, up in self.upstream.items() if name.startswith(ENCODER)}
        return Subject(
            encoder_params(self.params),
            self.config.encoder,
            self.trace.source,
            self.trace.source.ids,
            upstream=own,
            decoder=self,
        )

    def outside(self, operand: Operand) -> Operand:
        """An operand of the encoder's, by its name in the whole."""
        start = GRAD if operand.name.startswith(GRAD) else LOSS if operand.name.startswith(LOSS) else ""
        name = ENCODER + operand.name.removeprefix(start)
        own = name in self.trace or name in self.params or operand.name == "mask"
        return replace(operand, name=start + name) if own else operand

    @cached_property
    def grads(self) -> Mapping[str, np.ndarray]:
        """The gradient of the loss by every parameter and activation. Raises: ConfigError where there is no loss."""
        if self.decoder is not None:
            whole = self.decoder.grads
            return {name.removeprefix(ENCODER): array for name, array in whole.items() if name.startswith(ENCODER)}
        if self.known is not None:
            return self.known()
        if self.targets is None and not self.upstream:
            raise ConfigError(
                "targets: a gradient is of a loss; give targets, or upstream as backward takes it", "targets"
            )
        dlogits = None if self.targets is None else cross_entropy(self["logits"], self.targets, self.counts)[1]
        return backward(self.params, self.config, self.trace, dlogits, upstream=self.upstream, activations=True)

    def __getitem__(self, name: str) -> Any:
        """The array of this name. Raises: ConfigError for a name that this run has not."""
        if (found := self._found.get(name)) is None:
            if name.startswith(LENGTH):
                found = np.linalg.norm(self[name.removeprefix(LENGTH)].astype(np.float64), axis=-1)
            elif name.startswith(GRAD):
                found = self.grads.get(name.removeprefix(GRAD))
            elif name.startswith(LOSS):
                found = self.upstream.get(name.removeprefix(LOSS))
            else:
                found = self.trace[name] if name in self.trace else self.params.get(name)
            if found is None:
                raise wrong("name", name, "a name of this trace, or a parameter of this model")
            self._found[name] = found
        return found

    def checked(self, name: Any, index: Any) -> tuple[int, ...]:
        """Raises: ConfigError for an index that is outside the array of this name."""
        shape = self[instance("name", name, str)].shape
        index = index if isinstance(index, tuple) else (index,)
        if len(index) != len(shape) or not all(is_whole(i) and 0 <= i < n for i, n in zip(index, shape, strict=True)):
            raise ConfigError(f"index: {shown(index)} is no place in {name}, of shape {shape}", "index")
        return tuple(int(i) for i in index)

    def cell(self, name: str, *index: int) -> Operand:
        return Operand(name, index, float(self[name][index]))

    def row(self, name: str, *index: int) -> list[Operand]:
        """Every number along the last axis."""
        values = np.asarray(self[name][index]).tolist()
        return [Operand(name, (*index, j), value) for j, value in enumerate(values)]

    def column(self, name: str, j: int) -> list[Operand]:
        """Every number of a matrix's column."""
        values = np.asarray(self[name][:, j]).tolist()
        return [Operand(name, (i, j), value) for i, value in enumerate(values)]

    def bias(self, name: str, *index: int) -> list[Operand]:
        """The bias's number, where there is one."""
        return [self.cell(name, *index)] if name in self.params else []

    def batches(self, name: str) -> list[tuple[int, ...]]:
        """What may stand in front of an activation's own axes."""
        return [*np.ndindex(self[name].shape[: self[name].ndim - len(axes_of(name))])]

    @cached_property
    def _patched(self) -> dict[str, np.ndarray]:
        change = self.trace.interventions
        return {name: change.put_in(name, self.trace.shape(name)) for name in change.patch}

    def is_patched(self, name: str, index: tuple[int, ...]) -> bool:
        """Whether the reader put another number in this place."""
        return name in self._patched and bool(self._patched[name][index])
