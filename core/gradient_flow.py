"""Gradients on their way back through a trace: what comes from above, what enters from outside, what patches stop."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

import numpy as np

from .activations import axes_of
from .arguments import array
from .errors import ConfigError
from .kinds import shown
from .trace import Trace


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
