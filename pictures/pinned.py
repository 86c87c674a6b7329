"""The Scene that the reader pinned, and how far the present one differs from it: in words, in tokens, in sizes."""

from __future__ import annotations

from core import Scene, SceneError
from pictures import display_names, patched, stacks
from pictures.words import Words
from plots.tokens import shown

LISTS = ("edits", "matrices", "ablated", "cut")  # of these it is said how many there are


def kept(scene: Scene) -> Scene:
    """The pinned Scene. Raises: SceneError where none is: a page compares only where one is."""
    if scene.pinned is None:
        raise SceneError("pinned: is None, and there is nothing to compare", "pinned")
    return scene.pinned


def before(scene: Scene) -> Scene:
    """The pinned Scene, looked at as the present one is. Raises: as `kept`."""
    return scene.before or kept(scene)


def paired(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    """A name for each position of two sentences: its token, or both where they differ."""
    return [a if a == b else f"{shown(a)}→{shown(b)}" for a, b in zip(old, new, strict=True)]


def alike(scene: Scene, *, tokens: bool = True, heads: bool = False, width: bool = False) -> bool:
    """Have the two as many tokens, of each text; one kind of attention with as many heads and layers; or vectors of one
    width? What is asked decides.
    """
    old, new = before(scene), scene
    same = not tokens or _lengths(old) == _lengths(new)
    if heads:
        was, now = ((one.kind, one.config.n_layers, one.config.n_heads) for one in map(stacks.looks, (old, new)))
        same &= was == now
    return same and (not width or old.config.d_model == new.config.d_model)


def _lengths(scene: Scene) -> list[int]:
    """How many tokens each text has: of two stacks, also what the decoder read."""
    return [len(scene.tokens), *([len(stacks.read(scene))] if stacks.count(scene) > 1 else [])]


# ------------------------------------------------------------------------------------- what differs, in words


def differences(scene: Scene, words: Words) -> list[str]:
    """Every knob that stands otherwise than when the Scene was pinned: what it was, and what it is."""
    old, new = kept(scene), scene
    found = []
    for name in ("model", "sentence", "split", "seed", "temperature", *LISTS):
        was, now = (_told(s, name, words) for s in (old, new))
        if was != now:
            found.append(words("compare.changed", knob=words(f"knob.{name}"), was=was, now=now))
        elif name in LISTS and getattr(old, name) != getattr(new, name):
            found.append(words("compare.as_many", knob=words(f"knob.{name}"), n=len(getattr(new, name))))
    was, now = (_patch(s, words) for s in (old, new))
    if (old.patch, old.patch_source) != (new.patch, new.patch_source):
        found.append(words("compare.changed", knob=words("knob.patch"), was=was, now=now))
    for name in sorted(dict(old.overrides).keys() | dict(new.overrides).keys()):
        was, now = (_value(getattr(s.whole, name), words) for s in (old, new))
        if was != now and old.model == new.model:
            found.append(words("compare.changed", knob=words(f"knob.{name}"), was=was, now=now))
    for part in sorted({*old.off} ^ {*new.off}):
        found.append(words(f"compare.{'out' if part in new.off else 'back'}", part=words(f"knob.{part}")))
    return found


def _told(scene: Scene, name: str, words: Words) -> str:
    if name == "model":
        return display_names.called(scene.model, scene.preset, words)
    if name == "sentence":
        return words("quoted", token=scene.text)
    if name == "split":
        return words(f"shell.splits.{scene.split}")
    value = getattr(scene, name)
    return str(len(value)) if isinstance(value, tuple) else words.short(value)


def _patch(scene: Scene, words: Words) -> str:
    """What is put in from which sentence."""
    if scene.patch is None:
        return words("patch.none")
    return words("patch.from", what=patched.called(scene, words), source=scene.patch_source)


def _value(value: int | bool | str, words: Words) -> str:
    return words("compare.yes" if value else "compare.no") if isinstance(value, bool) else str(value)
