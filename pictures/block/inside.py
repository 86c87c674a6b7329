"""The block that is looked at: of the only stack, or of the encoder or the decoder, as `attention_of` asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core import Config, Scene
from pictures import compute, stacks

NORMS = {"attention": "ln1", "cross": "ln_cross", "mlp": "ln2"}  # by the part that it belongs to


@dataclass(frozen=True)
class Inside:
    """One block of a Scene's run.

    stack: "encoder" or "decoder"; "": there is one alone. config: of the stack. layer, row: the chosen layer, and
    token. norm: the part whose norm is looked at, of `norms`.
    """

    stack: str
    config: Config
    prefix: str  # of the names of its stack in the trace
    tokens: tuple[str, ...]
    layer: int
    row: int
    norm: str

    @property
    def block(self) -> str:
        """What its names in the trace begin with."""
        return f"{self.prefix}blocks.{self.layer}."

    @property
    def norms(self) -> tuple[str, ...]:
        """The parts of the block that a norm stands at: without an MLP there is no second one."""
        here = {"attention": True, "cross": self.config.cross, "mlp": bool(self.config.d_mlp)}
        return tuple(part for part, there in here.items() if there)


@lru_cache(maxsize=128)  # every picture of a page asks for it
def inside(scene: Scene) -> Inside:
    """What a Scene looks at. Of the crossing, the decoder's block is shown, and there the norm of the crossing."""
    looks = stacks.looks(scene)
    stack = "" if not looks.kind else "encoder" if looks.kind == "encoder" else "decoder"
    tokens = stacks.read(scene) if stack == "decoder" else scene.tokens
    c = looks.config
    norm = "mlp" if scene.second_norm and c.d_mlp else "cross" if looks.crosses else "attention"
    return Inside(stack, c, looks.prefix, tokens, looks.place[0], min(scene.query, len(tokens) - 1), norm)


def array(scene: Scene, name: str) -> np.ndarray:
    """An array of the block by its name there: "resid_mid"."""
    return compute.run(scene).trace[inside(scene).block + name]
