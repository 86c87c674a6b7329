"""The residual stream: how long the tokens' vectors are, through all layers and inside the chosen one."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import token_norms
from pictures.block.frame import LOW, WIDTH, height
from pictures.block.inside import array, inside
from pictures.compute import Picture, picture
from pictures.extremes import magnitude
from pictures.growth import lengths_within, mean_lengths
from pictures.words import Words
from plots.magnitudes import magnitudes


@picture("attention_of")
def stream(scene: Scene, words: Words) -> Picture:
    """The tokens' mean length as they enter, and after every layer."""
    return lengths_within(scene, words, WIDTH, height(scene))


@picture("layer", "attention_of")
def steps(scene: Scene, words: Words) -> Picture:
    """The same inside the chosen layer: as it enters, after attention, after the MLP; in between after the crossing."""
    here = inside(scene)
    parts = {"attn_out": "resid_mid"}
    parts |= {"cross_out": "resid_mid_cross"} if here.config.cross else {}
    parts |= {"mlp_out": "resid_post"} if here.config.d_mlp else {}
    names = ["resid_pre", *parts.values()]
    lengths = token_norms(np.stack([array(scene, name) for name in names]))
    sizes = {name: float(token_norms(array(scene, name)[None])[0]) for name in parts}
    good = bool(np.isfinite(lengths).all() and np.isfinite([*sizes.values()]).all())
    key = "steps_lost" if not good else "steps" if here.config.d_mlp else "steps_attention"
    says = words(
        f"block.says.{key}{'_cross' if good and here.config.cross else ''}",
        layer=here.layer,
        cross=magnitude(sizes.get("cross_out", 0.0), words),
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
    return Picture(figure, says, mean_lengths([here.block + name for name in names]))
