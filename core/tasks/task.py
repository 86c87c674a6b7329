"""What a task is: a vocabulary, a Config to begin with, and batches that are the same for the same seed and step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ..config import Config
from ..model import forward
from ..ops.loss import cross_entropy
from ..params import Params
from ..tokenizer.protocol import Tokenizer
from ..tokenizer.words import FixedVocabulary
from ..train.batch import Batch

HELD_OUT = 8  # one in so many is never trained on
# Odd multipliers of 64 bits, one a place: a multiply-shift hash (Dietzfelbinger et al. 1997, section 2).
_MULTIPLIERS = np.random.default_rng(0).integers(1, 2**63, 256, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def held_out(content: np.ndarray) -> np.ndarray:
    """[..., place] of ids -> [...]: whether this content belongs to the held-out split.

    It depends on the content alone, so that no seed and no step ever trains on what another holds out.
    """
    content = np.asarray(content).astype(np.uint64) + np.uint64(1)
    mixed = (content * _MULTIPLIERS[: content.shape[-1]]).sum(-1, dtype=np.uint64)
    return mixed >> np.uint64(61) == 0


class Task(ABC):
    """Something to train on. Rows are sequences of which each token is predicted from those before it."""

    name: str
    config: Config  # to begin with; its vocab_size and n_ctx are the task's
    vocabulary: tuple[str, ...]  # the token of each id
    joint: str = " "  # what stands between tokens when they are read as text
    rate: float = 3e-3  # a learning rate that suits the Config
    size: int = 32  # rows a batch that suit it

    @property
    def tokenizer(self) -> Tokenizer:
        """How a text is split into its tokens."""
        return FixedVocabulary(self.vocabulary)

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int, held_out: bool) -> Batch:
        """`size` rows of one of the two splits, which have no content in common."""

    def batch(self, step: int, size: int | None = None, seed: int = 0, held_out: bool = False) -> Batch:
        """ids, targets and mask [size, pos] of step 0, 1, 2, ...: always the same for the same arguments."""
        return self.draw(np.random.default_rng([seed, step, held_out]), size or self.size, held_out)

    @classmethod
    def first_asked(cls, tokens: tuple[str, ...]) -> int:
        """The place of the first token of a text that training asks for; its length where there is none."""
        return min(1, len(tokens))

    def speaks(self, ids: np.ndarray, language: str) -> bool:
        """Whether a row is in this language ("pt-BR", "en"); rows without words are in every one."""
        return True

    def read(self, ids: np.ndarray | list[int]) -> tuple[str, ...]:
        """The tokens of some ids."""
        return tuple(self.vocabulary[i] for i in ids)


def evaluate(params: Params, config: Config, batch: Batch) -> tuple[float, float]:
    """(loss, accuracy) on a batch: the mean cross-entropy in nats, and the share of right first guesses."""
    logits = forward(params, config, **batch.inputs, names=["logits"])["logits"]
    right = logits.argmax(-1) == batch.targets
    accuracy = right.mean() if batch.mask is None else right[batch.mask].mean()
    return cross_entropy(logits, batch.targets, batch.mask)[0], float(accuracy)


def decoder(vocabulary: tuple[str, ...], n_ctx: int, **sizes: Any) -> Config:
    """A small GPT: causal, learned positions, LayerNorm before each part. sizes: other fields of the Config."""
    return Config(
        vocab_size=len(vocabulary),
        n_ctx=n_ctx,
        causal=True,
        positions="learned",
        norm="layer",
        final_norm=True,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        activation="gelu_tanh",
        unembed=True,
        **sizes,
    )
