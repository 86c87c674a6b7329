"""Which word mattered: the usual answers to one question, which need not agree.

The question: what a token's logit at the last position owes to each word of the sentence. How much was looked at a word
says what was mixed in, not what it did (Jain & Wallace 2019, section 4); a gradient says what a small change would do,
not what the word did; and only the last answer is sure to add up.

weight       the attention that the last position gives it, mean over all layers and heads
carried      the length of what that weight carries, mean as before (Kobayashi et al. 2020, section 3)
ablation     how far the logit falls where the word's embedding is zero (Li et al. 2016b, section 3: erasure)
length       how long the logit's gradient by the word's embedding is (Simonyan et al. 2014, section 3)
times_input  that gradient times the embedding (Shrikumar et al. 2016, section 2.2)
integrated   the same with the mean gradient on the straight way from embeddings of zeros to the sentence's own, which
             add up to what the logit gained on it: the axiom of completeness (Sundararajan et al. 2017, section 3)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arguments import whole
from ..backward import backward
from ..backward_needs import needed
from ..config import Config
from ..errors import ConfigError
from ..interventions import without
from ..model import forward
from ..params import Params
from ..trace import Trace
from .heads import value_weighted

ANSWERS = ("weight", "carried", "ablation", "length", "times_input", "integrated")
NODES = 48  # of the path at which the gradient is taken
AT_ONCE = 16  # of these in one run
BENT = 3  # the nodes stand at u**BENT: closest to zero, where a norm turns short vectors into whole ones


@dataclass(frozen=True)
class Influence:
    """answers: each of ANSWERS -> [pos]. gain: how much higher the logit is than with embeddings of zeros."""

    answers: dict[str, np.ndarray]
    gain: float

    @property
    def total(self) -> float:
        """What the integrated gradients add up to: by the axiom of completeness, `gain`."""
        return float(self.answers["integrated"].sum())


def word_influence(params: Params, config: Config, trace: Trace, embeddings: np.ndarray, token: int) -> Influence:
    """All of ANSWERS for the logit of `token` after the last position.

    trace: a full one, of one sentence. embeddings [pos, d_model]: what it began from.
    Raises: ConfigError for a model without logits or of two stacks, for a token that is none, and for what `backward`
    does not go through.
    """
    whole("token", token, 0, config.vocab_size - 1)
    running = without(config, trace.interventions.off)
    if not running.unembed or running.n_encoder_layers:
        raise ConfigError("unembed: of a model of one stack, with logits, words are asked what they did", "unembed")
    gradient = _gradient(params, config, trace, embeddings[None], token)
    mean = np.zeros(embeddings.shape)
    for share, gradients in path_gradients(params, config, trace, embeddings, token):
        mean += (share[:, None, None] * gradients).sum(0)
    own = float(trace.row("logits", -1)[token])
    without_one = np.where(np.eye(len(embeddings), dtype=bool)[..., None], 0, embeddings)
    logits = _logits(params, config, trace, [*without_one, np.zeros_like(embeddings)], token)
    answers = {
        "weight": np.mean([_looked(trace, i) for i in range(running.n_layers)], axis=0),
        "carried": np.mean(
            [value_weighted(params, config, trace, i)[:, -1].mean(0) for i in range(running.n_layers)], axis=0
        ),
        "ablation": own - logits[:-1],
        "length": np.linalg.norm(gradient[0], axis=-1),
        "times_input": (gradient[0] * embeddings).sum(-1),
        "integrated": (mean * embeddings).sum(-1),
    }
    return Influence(answers, own - float(logits[-1]))


def _looked(trace: Trace, layer: int) -> np.ndarray:
    """The weight that the last position gives each, mean over the heads: [pos]. One that is switched off brings 0."""
    weights = trace[f"blocks.{layer}.attn.pattern"][:, -1].astype(np.float64)
    weights[trace.interventions.ablated_in(layer)] = 0
    return weights.mean(0)


def _gradient(params: Params, config: Config, trace: Trace, x: np.ndarray, token: int) -> np.ndarray:
    """Of the last position's logit by each embedding of x [variant, pos, d_model]: the same shape, in float64."""
    names = [*needed(without(config, trace.interventions.off)), "embed"]
    run = forward(params, config, embeddings=x, interventions=trace.interventions, names=names)
    entering = np.zeros_like(run["logits"])
    entering[:, -1, token] = 1
    grads = backward(params, config, run, entering, activations=True)
    scale = config.d_model**0.5 if config.embed_scale else 1.0  # "embed" is what was scaled
    return scale * grads["embed"].astype(np.float64)


def _logits(params: Params, config: Config, trace: Trace, x: list[np.ndarray], token: int) -> np.ndarray:
    """The token's logit after the last position of each variant [pos, d_model]: [variant]."""
    run = forward(params, config, embeddings=np.stack(x), interventions=trace.interventions, names=["logits"])
    return run["logits"][:, -1, token].astype(np.float64)


def path_gradients(
    params: Params, config: Config, trace: Trace, embeddings: np.ndarray, token: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The gradients on the way from embeddings of zeros, some nodes at a time: what each counts, [node], and they,
    [node, pos, d_model]."""
    at, shares = path_nodes()
    for first in range(0, NODES, AT_ONCE):
        some = slice(first, first + AT_ONCE)
        on_the_way = (at[some, None, None] * embeddings).astype(embeddings.dtype)
        yield shares[some], _gradient(params, config, trace, on_the_way, token)


@lru_cache(maxsize=1)
def path_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Where on the way from 0 to 1 the gradient is taken, and what each counts: Gauss and Legendre's, bent to zero."""
    u, share = np.polynomial.legendre.leggauss(NODES)
    u, share = (u + 1) / 2, share / 2
    return u**BENT, share * BENT * u ** (BENT - 1)
