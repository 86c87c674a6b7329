"""What a part of the model does, in one sentence computed from two runs: with it and without it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core import Run, Scene
from core.interpret import entropy, order_effect, relative_change, token_norms
from core.interventions import ADDED, EVERY_PART, parts_of
from pictures import compute, extremes
from pictures.extremes import magnitude
from pictures.one_head import at_head
from pictures.translate import text
from pictures.words import Words

Happened = Callable[[Run, Run, Scene, Words], str]

TOLD_OF = ("resid_post", "attn.pattern", "attn.v")
HARDLY = 0.001  # a share that is told as less than this


def offered(scene: Scene) -> tuple[str, ...]:
    """The parts that this preset has, and those that can be added to it."""
    has = {*parts_of(scene.preset.config), *parts_of(scene.whole), *ADDED}
    return tuple(part for part in EVERY_PART if part in has)


def changed(scene: Scene) -> tuple[str, ...]:
    """The parts that are not as the preset has them: switched off, or added."""
    preset = Scene(model=scene.model)
    return tuple(part for part in EVERY_PART if scene.runs(part) != preset.runs(part))


def happened(scene: Scene, part: str, words: Words) -> str:
    """What this part does here: the present run, and the same with the part the other way round."""
    if part == "positions":
        # The words are read in another order, and a patch, or where a fibre is cut, would stay in its place.
        scene = scene.unpatched.turn(cut=())
    has, lacks = (compute.run(scene.switch(**{part: on})) for on in (True, False))
    for run, name in ((has, "lost_with"), (lacks, "lost_without")):
        # Of a head that is off nothing comes through, whatever its own numbers are.
        names = [[f"blocks.{i}.{name}" for name in TOLD_OF] for i in range(run.config.n_layers)]
        finite = [all(np.isfinite(run.trace[name]).all() for name in layer) for layer in names]
        if not all(finite):
            return words(f"switches.happened.{name}", part=words(f"switches.parts.{part}"), layer=finite.index(False))
    if has.target is not None:  # what a part is for in a translator, its text tells
        return _writes(scene, part, words)
    return SENTENCES[part](has, lacks, scene, words)


def _writes(scene: Scene, part: str, words: Words) -> str:
    found = []
    for on in (True, False):
        turned = scene.switch(**{part: on}).turn(words_forced=(), words_translated=None)
        found.append(" ".join(text.written(turned, text.text_of(turned), words)))
    key = "writes_alike" if found[0] == found[1] else "writes"
    return words(f"switches.happened.{key}", part=words(f"switches.parts.{part}"), has=found[0], lacks=found[1])


def _scale(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    if len(scene.tokens) == 1:
        return words("switches.happened.scale_alone")
    first = 1 if scene.config.causal else 0  # under a mask the first row has no choice, and gives 1 either way
    a, b = (float(at_head(run, scene, "pattern")[first:].max()) for run in (has, lacks))
    return words("switches.happened.scale", **_place(scene), has=a, lacks=b)


def _mask(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    if len(scene.tokens) == 1:
        return words("switches.happened.mask_alone")
    later = float(np.triu(at_head(lacks, scene, "pattern"), 1).sum(-1).mean())
    if later < HARDLY:
        return words("switches.happened.mask_hardly", **_place(scene))
    return words("switches.happened.mask", **_place(scene), lacks=later)


def _softmax(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    a, b = (float(entropy(at_head(run, scene, "pattern")).mean()) for run in (has, lacks))
    return words("switches.happened.softmax", **_place(scene), has=a, lacks=b)


def _positions(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    effects = [order_effect(run.params, run.config, run.trace) for run in (has, lacks)]
    for change, name in zip(effects, ("with", "without"), strict=True):
        if not np.isfinite(change).all():
            return _zero(name, "positions", change, scene, words)
    a, b = (float(change.mean()) for change in effects)
    says = words("switches.happened.positions", has=a, lacks=b)
    return f"{says} {words('switches.happened.mask_orders')}" if scene.config.causal and b > 0.001 else says


def _values(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    a, b = (float(token_norms(at_head(run, scene, "v")[None])[0]) for run in (has, lacks))
    return words("switches.happened.W_V", **_place(scene), has=magnitude(a, words), lacks=magnitude(b, words))


def _output(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    name = f"blocks.{scene.place[0]}.attn_out"
    a, b = (float(token_norms(run.trace[name][None])[0]) for run in (has, lacks))
    return words("switches.happened.W_O", **_place(scene), has=magnitude(a, words), lacks=magnitude(b, words))


def _residual(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    a, b = (float(kept(run).mean()) for run in (has, lacks))
    return words("switches.happened.residual", has=a, lacks=b)


def _norm(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    a, b = (float(token_norms(_final(run)[None])[0]) for run in (has, lacks))
    return words("switches.happened.norm", has=magnitude(a, words), lacks=magnitude(b, words))


def _mlp(has: Run, lacks: Run, scene: Scene, words: Words) -> str:
    change, tokens = relative_change(_final(has), _final(lacks)), scene.tokens
    if not np.isfinite(change).all():
        return _zero("with", "mlp", change, scene, words)
    found = extremes.greatest(change, extremes.percent(words))
    about = {"mean": float(change.mean()), "most": found.value}
    if found.everywhere:
        return words("switches.happened.mlp_alike", **about)
    names = extremes.token_names(tokens, found.indices, words)
    return words("switches.happened.mlp", **about, tokens=names)


def _zero(name: str, part: str, change: np.ndarray, scene: Scene, words: Words) -> str:
    """Which token's output is 0, so that a relative `change` [pos] of it has no size."""
    token = extremes.token_name(scene.tokens, int(np.isfinite(change).argmin()), words)
    return words(f"switches.happened.zero_{name}", part=words(f"switches.parts.{part}"), token=token)


SENTENCES: dict[str, Happened] = {
    "scale": _scale,
    "mask": _mask,
    "softmax": _softmax,
    "positions": _positions,
    "W_V": _values,
    "W_O": _output,
    "residual": _residual,
    "norm": _norm,
    "mlp": _mlp,
}


def kept(run: Run) -> np.ndarray:
    """The cosine between what enters the first block and what leaves the last, [pos]; 0 where one of them is 0."""
    first, last = run.trace["blocks.0.resid_pre"].astype(np.float64), _final(run)
    sizes = np.linalg.norm(first, axis=-1) * np.linalg.norm(last, axis=-1)
    return np.divide(np.sum(first * last, axis=-1), sizes, out=np.zeros_like(sizes), where=sizes > 0)


def _final(run: Run) -> np.ndarray:
    return run.trace[f"blocks.{run.config.n_layers - 1}.resid_post"].astype(np.float64)


def _place(scene: Scene) -> dict[str, int]:
    return dict(zip(("layer", "head"), scene.place, strict=True))
