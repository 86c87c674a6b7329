"""What of a Scene fits the rest: a field may be right by itself, and have no place in the model or the sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import SceneError
from ..interventions import Edge, no_head
from ..kinds import Rows, shown
from .fields import OVERRIDES, PATCHED, Patched, kinds
from .sentence import fit_sentence, room

if TYPE_CHECKING:
    from .scene import Scene

IDS = ("loss_token", "cause_word", "cause_rival")  # tokens by their ids: in another vocabulary these are other words
FORCED = ("forced", "words_forced")  # tokens at their places: behind another text these are others
MISPLACED = "misplaced"  # a Notice's code: right by itself, and the model or the sentence has no such place
UNPATCHABLE = {
    "sourceless": "needs patch_source, the sentence from whose run it is taken",
    MISPLACED: "has no place in this model, or in this sentence",
    "unlike": "needs a patch_source of as many tokens as the sentence has",
}


def check(scene: Scene) -> None:
    """Raises: SceneError, ConfigError for what does not fit together."""
    if fit_sentence(scene.sentence, scene.split, scene.model)[0] != scene.sentence:
        size = "{} tokens and {} characters".format(*room(scene.model))
        raise SceneError(f"sentence: must be at most {size}, single-spaced; see fit_sentence", "sentence")
    if scene.preset.trained and not scene.preset.fits(scene.whole):
        raise SceneError("overrides: ask this trained model for sizes or parameters that it lacks", "overrides")
    if scene.edits and scene.whole.n_encoder_layers:
        raise SceneError("edits: of a model of two stacks no embedding is edited", "edits", MISPLACED)
    n, c = len(scene.tokens), scene.config
    for position, dimension, _ in scene.edits:
        if not (0 <= position < n and 0 <= dimension < c.d_model):
            about = f"cell {position}.{dimension} is outside {n} tokens x {c.d_model}"
            raise SceneError(f"edits: {about}", "edits", MISPLACED)
    for head in scene.ablated:
        if fault := no_head(scene.whole, head):
            raise SceneError(f"ablated: {fault}", "ablated", MISPLACED)
    if scene.cut and scene.cut != cuttable(scene, scene.cut):
        raise SceneError("cut: has an edge that there is not, or leaves some query no key to look at", "cut", MISPLACED)
    if scene.patch and (code := _unpatchable(scene, scene.patch, scene.patch_source)):
        about = f"{shown(scene.patch)} from {shown(scene.patch_source)}"
        raise SceneError(f"patch: {about} {UNPATCHABLE[code]}", "patch", code)


def no_field(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is none of the fields known."""
    if name in OVERRIDES.kinds:
        return f"{name}: is a field of the Config: override({name}=...) turns it"
    near = get_close_matches(name, [*known], 1, 0.5)
    return f"{shown(name)}: a Scene has no such field" + (f"; is it {near[0]}?" if near else "")


def cuttable(scene: Scene, cut: tuple[Edge, ...]) -> tuple[Edge, ...]:
    """Those of some edges that can be cut: inside, not behind the mask, and not all that a query sees."""
    if scene.whole.n_encoder_layers:
        return ()
    n, c, kept = len(scene.tokens), scene.config, []
    taken: Counter[tuple[int, int, int]] = Counter()
    for layer, head, query, key in cut:
        seen = query + 1 if c.causal else n
        there = 0 <= layer < c.n_layers and 0 <= head < c.n_heads and 0 <= query < n and 0 <= key < seen
        if there and taken[layer, head, query] + 1 < seen:
            taken[layer, head, query] += 1
            kept.append((layer, head, query, key))
    return tuple(kept)


def patchable(scene: Scene, patch: Patched, patch_source: str) -> bool:
    """Whether an array's part can be put in from the other sentence's run; see Scene.can_patch."""
    return not _unpatchable(scene, patch, patch_source)


def _unpatchable(scene: Scene, patch: Patched, patch_source: str) -> str:
    """Why it cannot: one of UNPATCHABLE; "" where it can."""
    if not patch_source:
        return "sourceless"
    if not _has(scene, patch):
        return MISPLACED
    fits = fit_sentence(patch_source, scene.split, scene.model)[0] == patch_source
    return "" if fits and len(scene.encode(patch_source).tokens) == len(scene.tokens) else "unlike"


def _has(scene: Scene, patch: Patched) -> bool:
    """Whether this model records such a part, of a text of as many tokens as the sentence has."""
    (name, place), n = patch, len(scene.tokens)
    inside, layer, array = re.fullmatch(PATCHED, name).groups()  # type: ignore[union-attr]
    if inside and not scene.config.n_encoder_layers:
        return False
    c = scene.config.encoder if inside else scene.config
    positions = n if inside or not c.n_encoder_layers else c.n_ctx
    there = {"cross.z": c.cross and not inside, "mlp_out": c.d_mlp > 0}.get(array, True)
    sizes = (c.n_heads, positions) if array.endswith(".z") else (positions,)
    fits = all(at < size for at, size in zip(place, sizes, strict=False))
    return there and int(layer) < c.n_layers and fits


def turned(scene: Scene, changes: Mapping[str, Any]) -> Scene:
    """A copy with some fields changed, less what no longer fits it; see Scene.turn. Raises: SceneError, ConfigError."""
    edits, ablated, cut = (_asked(scene, changes, name) for name in ("edits", "ablated", "cut"))
    patch = {name: _asked(scene, changes, name) for name in ("patch", "patch_source")}
    others = {name: value for name, value in changes.items() if name not in ("edits", "ablated", "cut", *patch)}
    bare = replace(scene, edits=(), ablated=(), cut=(), patch=None, **others)
    before, after, c = scene.tokens, bare.tokens, bare.config
    same = {at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one == other}
    if "edits" not in changes:
        edits = [e for e in edits if e[0] in same]
    edits = tuple(e for e in edits if e[1] < c.d_model) if not bare.whole.n_encoder_layers else ()
    if "cut" not in changes:
        cut = tuple(e for e in cut if same.issuperset(e[2:]))
    cut = cuttable(bare, cut)
    ablated = tuple(head for head in ablated if not no_head(bare.whole, head))
    gone: dict[str, Any] = dict.fromkeys(IDS) if scene.model != bare.model else {}
    if (before, scene.model) != (after, bare.model):
        gone |= dict.fromkeys(FORCED, ())
    bare = bare.looked_at({name: none for name, none in gone.items() if name not in changes})
    if "patch" not in changes and scene.patch and (before != after or not patchable(bare, **patch)):
        patch["patch"] = None
    rows = {"edits": edits, "ablated": ablated, "cut": cut, **patch}
    return replace(bare, **rows) if any(rows.values()) else bare


def _asked(scene: Scene, changes: Mapping[str, Any], name: str) -> Any:
    """What is asked of a field, in the form that is kept of it, or else the Scene's own. Raises: SceneError."""
    if name not in changes:
        return getattr(scene, name)
    owner: type = type(scene)
    kind, value = kinds(owner)[name], changes[name]
    value = kind.gathered(value) if isinstance(kind, Rows) else kind.formed(value)
    kind.check(name, value, SceneError)
    return value
