"""Training: AdamW, clipping, a warm-up and a cosine, as a generator that yields a TrainingStep and never prints.

All that a run is stands in its State: stop after any step, keep a copy of it, and go on from
it to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import cos, hypot, inf, pi, sqrt

import numpy as np

from .. import limits
from ..arguments import array, flag, instance, is_number, mapping, whole, wrong
from ..backward import backward
from ..backward_needs import needed
from ..config import ENCODER, Config, param_shapes
from ..errors import ConfigError
from ..model import forward
from ..ops.loss import LOSSES
from ..params import Params, check_params
from .batch import Batch

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How to train. Raises: ConfigError naming the field that cannot be."""

    steps: int = 1000
    rate: float = 3e-3  # the highest learning rate
    warmup: int = 0  # steps in which the rate rises to it in a line
    last_rate: float = 1.0  # the share of it where the cosine ends (Loshchilov & Hutter 2016); 1: constant
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1
    decay_all: bool = False  # norms and biases too; False: matrices alone
    clip: float = 1.0  # the largest norm of all gradients together (Pascanu et al. 2013); inf: none
    loss: str = "cross_entropy"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("warmup", 0)):
            whole(name, getattr(self, name), least)
        for name, low, high in (
            ("rate", 0, inf), ("last_rate", 0, 1), ("weight_decay", 0, inf), ("clip", 0, inf),
            ("beta1", 0, 1), ("beta2", 0, 1), ("eps", 0, inf),
        ):  # fmt: skip
            value = getattr(self, name)
            right = is_number(value) or (name == "clip" and isinstance(value, float))
            if not (right and low <= value <= high):
                raise wrong(name, value, f"a number in {low}..{high}")
        for name in ("beta1", "beta2"):
            if getattr(self, name) == 1:
                raise wrong(name, getattr(self, name), "below 1")
        if self.eps == 0:  # what has had no gradient would become 0 / 0
            raise wrong("eps", self.eps, "above 0")
        if not isinstance(self.loss, str) or self.loss not in LOSSES:
            raise wrong("loss", self.loss, f"one of {', '.join(LOSSES)}")
        flag("decay_all", self.decay_all)

    def rate_at(self, step: int) -> float:
        """The learning rate of step 0, 1, 2, ..."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        done = min((step - self.warmup) / max(self.steps - self.warmup, 1), 1.0)
        return self.rate * (self.last_rate + (1 - self.last_rate) * 0.5 * (1 + cos(pi * done)))


@dataclass
class State:
    """All that a run is: the steps taken, the parameters, and AdamW's running means of each gradient and its square."""

    step: int
    params: Arrays
    mean: Arrays
    square: Arrays

    @classmethod
    def start(cls, params: Params) -> State:
        """A run that has taken no step, from a copy of `params`."""
        given = mapping("params", params, "from names to arrays")
        own = {name: np.array(array("params", p)) for name, p in given.items()}
        zeros = ({name: np.zeros_like(p) for name, p in own.items()} for _ in range(2))
        return cls(0, own, *zeros)


@dataclass(frozen=True)
class TrainingStep:
    """What one step did. The loss and accuracy are of the parameters before it."""

    number: int  # 1, 2, 3, ...
    loss: float
    accuracy: float  # the share of counted positions whose largest logit is the target's
    grad_norm: float  # of all gradients together, before clipping
    rate: float
    norms: Mapping[str, float]  # the same norm by part: embed, blocks.0, blocks.1, ..., unembed


def train(state: State, config: Config, batches: Callable[[int], Batch], recipe: Recipe) -> Iterator[TrainingStep]:
    """Take the steps that are left of recipe.steps, changing `state` in place; at each TrainingStep it is whole.

    batches: the batch of step 0, 1, 2, ...: always the same one for the same number, so that a resumed run is the same.
    Raises, before the first step: ConfigError for a Config without logits, and for a state that does not fit it.
    """
    instance("state", state, State)
    instance("config", config, Config)
    instance("recipe", recipe, Recipe)
    if not config.unembed:
        raise ConfigError("unembed: is False, and training needs logits", "unembed")
    check_params(state.params, config)
    whole("step", state.step)
    for name in ("mean", "square"):
        kept = mapping(name, getattr(state, name), "from names to arrays")
        if {key: np.shape(one) for key, one in kept.items()} != param_shapes(config):
            raise ConfigError(f"{name}: must hold an array for each parameter, of its shape", name)
    if not callable(batches):
        raise wrong("batches", batches, "a function from a step's number to its Batch")
    return _steps(state, config, batches, recipe)


def _steps(state: State, config: Config, batches: Callable[[int], Batch], recipe: Recipe) -> Iterator[TrainingStep]:
    while state.step < recipe.steps:
        yield take_step(state, config, instance("batches", batches(state.step), Batch), recipe)


def take_step(state: State, config: Config, batch: Batch, recipe: Recipe) -> TrainingStep:
    """One batch: forward, loss, backward, clip, AdamW.

    What does not fit into memory at once goes through in parts, whose gradients add up to the batch's.
    """
    loss, accuracy = 0.0, 0.0
    grads: dict[str, np.ndarray] = {}
    n_source = 0 if batch.source is None else batch.source.shape[-1]
    row = step_bytes(config, batch.ids.shape[-1], n_source)
    for part, share in batch.parts(max(1, limits.STEP // max(1, row))):  # a row of no tokens is refused by `forward`
        trace = forward(state.params, config, **part.inputs, names=needed(config))
        logits = trace["logits"]
        part_loss, dlogits = LOSSES[recipe.loss](logits, part.targets, part.mask)
        right = logits.argmax(-1) == part.targets
        loss += share * part_loss
        accuracy += share * float(right.mean() if part.mask is None else right[part.mask].mean())
        for name, g in backward(state.params, config, trace, dlogits).items():
            g *= share
            grads[name] = grads[name] + g if name in grads else g
        del trace, logits, dlogits  # before the next part's are there
    norms, rate = norms_of_parts(grads), recipe.rate_at(state.step)
    norm = hypot(*norms.values())
    adamw(state, grads, norm, recipe)
    return TrainingStep(state.step, loss, accuracy, norm, rate, norms)


def step_bytes(config: Config, n: int, n_source: int = 0) -> int:
    """About what a row of n tokens, and a source of so many, takes while a step is made, in float32; to a fifth of what
    tracemalloc sees.
    """
    c = config
    numbers = c.n_layers * (8 * c.d_model + 2 * c.d_mlp + 3 * c.n_heads * n) + 3 * c.vocab_size
    if c.n_encoder_layers:
        numbers += c.n_layers * (6 * c.d_model + 3 * c.n_heads * n_source)
        read = step_bytes(c.encoder.replace(vocab_size=1), n_source)
        return 4 * (n * numbers + n_source * 2 * c.n_layers * c.d_model) + read
    return 4 * n * numbers


def norms_of_parts(grads: Params) -> dict[str, float]:
    """The length of the gradients of each part of the model: embeddings, blocks, and what stands over the last one."""
    squares: dict[str, float] = {}
    for name, g in grads.items():
        part = part_of(name)
        squares[part] = squares.get(part, 0.0) + float(np.vdot(g, g))
    return {part: sqrt(square) for part, square in squares.items()}


@lru_cache(maxsize=4096)
def part_of(name: str) -> str:
    """`blocks.2.attn.W_Q` is of blocks.2, the final norm of unembed, positions and a norm after them of embed; an
    encoder's are its own parts.
    """
    if name.startswith(ENCODER):
        return ENCODER + part_of(name.removeprefix(ENCODER))
    first, second, *_ = name.split(".")
    if first == "blocks":
        return f"blocks.{second}"
    return "embed" if first in ("embed", "pos_embed", "ln_embed") else "unembed"


def adamw(state: State, grads: Arrays, norm: float, recipe: Recipe) -> None:
    """One step of Adam with decoupled weight decay, in place (Loshchilov & Hutter 2017, algorithm 2).

    grads: of that norm together; they are clipped to recipe.clip, and used up.
    """
    rate = recipe.rate_at(state.step)
    state.step += 1
    clip = min(1.0, recipe.clip / (norm + 1e-6))  # PyTorch's 1e-6, to equal it
    beta1, beta2 = recipe.beta1, recipe.beta2
    # m / correct1 / (sqrt(v / correct2) + eps) as one quotient, as Kingma & Ba 2014 write it at the end of section 2
    correct = sqrt(1 - beta2**state.step)
    reach, eps = rate * correct / (1 - beta1**state.step), recipe.eps * correct
    for name, p in state.params.items():
        g, m, v = grads[name], state.mean[name], state.square[name]
        # m = beta1 m + (1 - beta1) g
        m *= beta1
        m += (1 - beta1) * clip * g
        # v = beta2 v + (1 - beta2) g^2
        v *= beta2
        g *= g
        g *= (1 - beta2) * clip**2
        v += g
        # p = (1 - rate decay) p - reach m / (sqrt(v) + eps)
        update = np.sqrt(v, out=g)
        update += eps
        np.divide(m, update, out=update)
        update *= reach
        if recipe.decay_all or name.rpartition(".")[2].startswith("W"):
            p *= 1 - rate * recipe.weight_decay
        p -= update


# ---------------------------------------------------------------------------------------------------- checkpoints


@dataclass
class Checkpoints:
    """Parameters along a run, evenly spaced: when they pass the limit, every other one goes and the spacing doubles.

    limit: bytes. The first is always kept, and so is `named`: a step that the reader asked for.
    """

    limit: int = limits.CHECKPOINTS
    every: int = 1
    named: int | None = None
    kept: dict[int, Arrays] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole("limit", self.limit)
        whole("every", self.every, 1)
        if self.named is not None:
            whole("named", self.named)

    def offer(self, step: int, params: Params) -> None:
        """Keep a copy if `step` is one of the spacing's, or the one that was named."""
        if not self._wanted(step):
            return
        self.kept[step] = {name: np.array(p) for name, p in params.items()}
        self.thin()

    def thin(self) -> None:
        """Let go what is more than the limit."""
        while len(self.kept) > 1 + (self.named is not None) and self.nbytes > self.limit:
            self.every *= 2
            self.kept = {step: params for step, params in self.kept.items() if self._wanted(step)}

    def _wanted(self, step: int) -> bool:
        return step % self.every == 0 or step == self.named

    @property
    def nbytes(self) -> int:
        kept = self.kept  # all of one model
        return len(kept) * sum(p.nbytes for p in next(iter(kept.values()), {}).values())

    def at(self, step: int) -> tuple[int, Arrays]:
        """The last one kept at or before `step`. Raises: ConfigError where there is none."""
        kept = self.kept  # they may be thinned meanwhile
        before = [number for number in kept if number <= step]
        if not before:
            raise ConfigError(f"step: no checkpoint is kept at or before {step}", "step")
        return max(before), kept[max(before)]
