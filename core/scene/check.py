"""What a Scene must be: each field in its bounds, and all of them together.

A wrong Scene cannot be made: whoever builds one, a page, a URL or a notebook, meets the same checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import limits
from ..errors import SceneError
from ..interventions import PARTS
from ..presets import PRESETS, RUN
from ..tokenizer.words import SPLITTERS
from .fields import (
    DRAWING,
    INSIDE,
    LANGUAGES,
    OWN_TEXT,
    STEPS,
    TASK_NAMES,
    TRAINED_SIZES,
    check_choice,
    check_float,
    check_int,
    check_override,
)
from .sentence import fit_sentence, fit_target

if TYPE_CHECKING:
    from .scene import Scene


def check_fields(scene: Scene) -> None:
    """Each field in its bounds. Raises: SceneError, with the field at fault."""
    if not scene.model.startswith(RUN):
        check_choice("model", scene.model, PRESETS)
    check_choice("split", scene.split, SPLITTERS)
    check_choice("lang", scene.lang, LANGUAGES)
    check_choice("compared", scene.compared, STEPS)
    check_choice("inside", scene.inside, INSIDE)
    if scene.pinned is not None and scene.pinned != scene.pinned.computed:
        raise SceneError("pinned: must be a Scene's `computed`, without a view of its own", "pinned")
    check_choice("task", scene.task, TASK_NAMES)
    check_choice("size", scene.size, TRAINED_SIZES)
    if fit_sentence(scene.sentence, scene.split, scene.model)[0] != scene.sentence:
        tokens = min(limits.TOKENS, scene.preset.config.n_ctx)
        size = f"{tokens} tokens and {limits.SENTENCE_CHARACTERS} characters"
        raise SceneError(f"sentence: must be at most {size}, single-spaced; see fit_sentence", "sentence")
    check_int("seed", scene.seed, limits.SEED)
    check_int("run_seed", scene.run_seed, limits.SEED)
    check_float("temperature", scene.temperature, limits.TEMPERATURE)
    check_float("threshold", scene.threshold, (0.0, 1.0))
    for name in ("layer", "head", "query", "key", "focus", "lit", "stage"):
        value, free = getattr(scene, name), name in ("focus", "lit", "stage")
        if not (free and value is None):
            check_int(name, value, (0, limits.TOKENS))
    check_int("dimension", scene.dimension, (0, limits.D_MODEL[1]))
    if scene.rate is not None:
        check_float("rate", scene.rate, limits.RATE)
    for name, bounds in (("batch", limits.BATCH), ("moment", limits.MOMENT)):
        if getattr(scene, name) is not None:
            check_int(name, getattr(scene, name), bounds)
    check_int("played", scene.played, (-limits.MOMENT[1], limits.MOMENT[1]))
    check_int("attempt", scene.attempt, limits.SEED)
    if not (isinstance(scene.corpus, str) and OWN_TEXT.fullmatch(scene.corpus)):
        raise SceneError(f"corpus: {scene.corpus!r} is not the name of a text", "corpus")
    for name, value in scene.overrides:
        check_override(name, value)
    for part in scene.off:
        check_choice("off", part, PARTS)
    if sorted(set(scene.off)) != list(scene.off):
        raise SceneError("off: must be sorted, each part once", "off")
    if tuple(sorted(dict(scene.overrides).items())) != scene.overrides:
        raise SceneError("overrides: must be sorted, each field once", "overrides")


def check_together(scene: Scene) -> None:
    """Raises: SceneError, with the field at fault; ConfigError for overrides that do not make a Config."""
    if scene.preset.trained and not scene.preset.fits(scene.whole):
        raise SceneError("overrides: ask this trained model for sizes or parameters that it lacks", "overrides")
    _check_edits(scene)
    _check_ablated(scene)
    _check_writing(scene)


def _check_edits(scene: Scene) -> None:
    n, d_model = len(scene.tokens), scene.config.d_model
    if len(scene.edits) > limits.EDITS or sorted({e[:2]: e for e in scene.edits}.values()) != list(scene.edits):
        raise SceneError(f"edits: must be sorted, each cell once, at most {limits.EDITS}", "edits")
    for position, dimension, value in scene.edits:
        if not (0 <= position < n and 0 <= dimension < d_model):
            raise SceneError(f"edits: cell {position}.{dimension} is outside {n} tokens x {d_model}", "edits")
        check_float("edits", value, limits.EDIT)


def _check_ablated(scene: Scene) -> None:
    c = scene.config
    if sorted(set(scene.ablated)) != list(scene.ablated):
        raise SceneError("ablated: must be sorted, each head once", "ablated")
    for layer, head in scene.ablated:
        if not (0 <= layer < c.n_layers and 0 <= head < c.n_heads):
            raise SceneError(f"ablated: head {layer}.{head} is outside {c.n_layers} x {c.n_heads}", "ablated")


def _check_writing(scene: Scene) -> None:
    for name, bounds in DRAWING.items():
        value = getattr(scene, name)
        if not (value is None and name in ("top_k", "top_p", "step")):
            (check_float if isinstance(bounds[0], float) else check_int)(name, value, bounds)
    if sorted(dict(scene.forced).items()) != list(scene.forced):
        raise SceneError("forced: must be sorted, each position once", "forced")
    for position, token in scene.forced:
        check_int("forced", position, (0, limits.TOKENS - 1))
        check_int("forced", token, (0, limits.VOCABULARY - 1))
    if fit_target(scene.target) != scene.target:
        raise SceneError(f"target: must be at most {limits.TARGET_CHARACTERS} characters, one line", "target")
