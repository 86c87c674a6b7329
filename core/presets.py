"""The named starting points, as data. None of them is known to `forward`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from core.config import Config

PENGUINS = "Os pinguins não tem joelho"


@dataclass(frozen=True)
class Preset:
    """A Config, the sentence that opens it, and embeddings chosen by hand for some words."""

    title: str
    config: Config
    sentence: str
    words: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def embeddings(self) -> np.ndarray | None:
        """[pos, d_model] of the preset's own sentence where they were chosen by hand, else None."""
        return np.array([self.words[w] for w in self.sentence.split()], np.float64) if self.words else None


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        # Nothing was trained. The geometry was designed: "tem" shares a direction with "pinguins" and one with "não",
        # and "joelho" shares the one of "pinguins".
        "penguins": Preset(
            "The penguins",
            Config(d_model=4, n_layers=1, n_heads=1, projections=False, residual=False),
            PENGUINS,
            MappingProxyType(
                {
                    "Os": (1, 0, 0, 0),
                    "pinguins": (0, 1, 0, 0),
                    "não": (0, 0, 1, 0),
                    "tem": (0, 1, 1, 0),
                    "joelho": (0, 1, 0, 1),
                }
            ),
        ),
        # The encoder as a first lesson writes it: every part that tames the numbers is left out, so they explode.
        "encoder": Preset(
            "The simplified encoder",
            Config(d_model=64, n_layers=2, n_heads=4, d_mlp=128, residual=False, init="unit"),
            PENGUINS,
        ),
        # Vaswani et al. 2017, at a classroom's size. Unit-variance embeddings equal the paper's sqrt(d_model) times
        # N(0, 1/d_model).
        "encoder_full": Preset(
            "The encoder of 2017",
            Config(
                d_model=64,
                n_layers=2,
                n_heads=4,
                d_mlp=256,
                positions="sinusoidal",
                norm="layer",
                norm_at="post",
                qkv_bias=True,
                out_bias=True,
                mlp_bias=True,
            ),
            PENGUINS,
        ),
        "gpt": Preset(
            "A GPT from scratch",
            Config(
                d_model=64,
                n_layers=4,
                n_heads=4,
                d_mlp=256,
                causal=True,
                positions="sinusoidal",
                norm="layer",
                norm_at="pre",
                final_norm=True,
                qkv_bias=True,
                out_bias=True,
                mlp_bias=True,
                unembed=True,
            ),
            PENGUINS,
        ),
    }
)
