"""The residual stream: how long the tokens' vectors are, through all layers and inside the chosen one."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import token_norms
from pictures import compute
from pictures.block.frame import LOW, WIDTH, height
from pictures.compute import Picture, picture
from pictures.heads import lengths_within, magnitude
from pictures.words import Words
from plots.magnitudes import magnitudes


@picture()
def stream(scene: Scene, words: Words) -> Picture:
    """The tokens' mean length as they enter, and after every layer."""
    return lengths_within(scene, words, WIDTH, height(scene))


@picture("layer")
def steps(scene: Scene, words: Words) -> Picture:
    """The same inside the chosen layer: as it enters, after attention, after the MLP."""
    run, at = compute.run(scene), f"blocks.{scene.place[0]}."
    names = ["resid_pre", "resid_mid", *(["resid_post"] if run.config.d_mlp else [])]
    lengths = token_norms(np.stack([run.trace[at + name] for name in names]))
    added = {name: run.trace[at + name] for name in ("attn_out", *(["mlp_out"] if run.config.d_mlp else []))}
    sizes = {name: float(token_norms(x[None])[0]) for name, x in added.items()}
    good = bool(np.isfinite(lengths).all() and np.isfinite([*sizes.values()]).all())
    key = "steps_lost" if not good else "steps" if run.config.d_mlp else "steps_attention"
    says = words(
        f"block.says.{key}",
        layer=scene.place[0],
        start=magnitude(float(lengths[0]), words),
        end=magnitude(float(lengths[-1]), words),
        attention=magnitude(sizes["attn_out"], words),
        mlp=magnitude(sizes.get("mlp_out", 0.0), words),
    )
    figure = magnitudes(
        lengths,
        [words(f"block.step.{name}") for name in names],
        [magnitude(x, words) for x in lengths.tolist()],
        width=WIDTH,
        height=LOW,
        alt=says,
    )
    return Picture(figure, says)
