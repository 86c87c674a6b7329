"""A run with a part of another sentence's run in it: what that part is called, and how Cause opens such a run."""

from __future__ import annotations

import re
from typing import Any

from core import Scene
from core.config import ENCODER
from core.scene.fields import PATCHED, Numbered, Patched
from core.scene.sentence import fit_target
from pictures import compute, stacks
from pictures.explained.runs import ARRAYS
from pictures.extremes import head_names, token_name
from pictures.pair import Pair
from pictures.words import Words

MOVED = re.compile(rf"moved_({'|'.join(ARRAYS)})\.(.+)")  # how numbers of Cause's maps are named


def part_of(number: Numbered) -> Patched | None:
    """What is put in for one number of Cause's maps: "moved_head.blocks.1.attn.z", (0,); None of another number."""
    found = MOVED.fullmatch(number[0])
    return (found[2], () if found[1] == "mlp" else number[1]) if found else None


def opened(scene: Scene, part: Patched) -> Scene | None:
    """The run of one cell of Cause's maps as a Scene, with the clean run pinned beside it.

    None where a Scene cannot say it: where the sentences differ in length; where edits, or cut edges, of the sentence
    that the part is taken from do not fit the other's tokens; and where a decoder would read something else.
    """
    pair = Pair.of(scene)
    if not pair.alike or not pair.target.can_patch(part, pair.source.text):
        return None
    word, rival = pair.candidates
    reads = compute.run(pair.target).target
    if reads is not None and reads[: len(pair.read)].tolist() != [*pair.read]:
        return None  # the decoder would read something else
    patched = pair.target.turn(
        patch=part,
        patch_source=pair.source.text,
        explained=(),  # the cell is this page's own
        # The same two runs on Cause: there the sentence of the Scene is the clean one.
        other_sentence=fit_target(pair.source.text),
        cause_break=True,
        cause_word=word,
        cause_rival=rival,
        **_looks(part, pair.two),
    )
    said = pair.source.turn(sentence=pair.source.text)  # a model's own sentence may go without saying
    same = patched.patched_from.computed == said.computed
    return patched.turn(pinned=pair.clean.computed) if same else None


def closed(scene: Scene) -> Scene:
    """The patched run's Scene without its patch; where what is pinned is the clean run of `opened`, as it was before.

    Then the clean sentence is back, with the other one beside it on Cause; and a pin that would compare it with itself
    is let go.
    """
    whole, clean = scene.unpatched, scene.pinned
    if scene.patch is None or clean is None or clean.model != scene.model:
        return whole
    if clean.text == scene.patch_source:  # it restored
        other = fit_target(scene.text)
        whole = whole.turn(sentence=clean.sentence, other_sentence=other, cause_break=False)
    return whole.turn(pinned=None) if whole.computed == clean else whole


def _looks(part: Patched, two: bool) -> dict[str, Any]:
    """How the pages look at what was put in."""
    inside, layer, array = re.fullmatch(PATCHED, part[0]).groups()  # type: ignore[union-attr]
    places = ("head", "query") if array.endswith(".z") else ("query",)
    kind = "encoder" if inside else "cross" if array == "cross.z" else "decoder"
    found = {"layer": int(layer), **dict(zip(places, part[1], strict=False))}
    return {**found, "attention_of": kind} if two else found


def called(scene: Scene, words: Words) -> str:
    """What is put into a patched run: "the output of head 0 of layer 1 at “pinguim”"."""
    assert scene.patch is not None
    return name(scene, scene.patch, words)


def name(scene: Scene, part: Patched, words: Words) -> str:
    """The same of any part of this Scene's arrays."""
    array, place = part
    inside, number, kind = re.fullmatch(PATCHED, array).groups()  # type: ignore[union-attr]
    layer = int(number)
    if kind.endswith(".z"):
        said = words("patch.every_head", layer=layer)
        if place:
            said = words("patch.head", head=words("heads.the", place=head_names([(layer, place[0])], words)))
        at = place[1:]
    else:
        said, at = words(f"patch.{kind}", layer=layer), place
    if at:
        said = words("patch.at", what=said, token=_token(scene, array, at[0], words))
    stack = "encoder" if inside else "cross" if kind == "cross.z" else "decoder" if stacks.count(scene) > 1 else ""
    return words(f"patch.in.{stack}", what=said) if stack else said


def _token(scene: Scene, array: str, position: int, words: Words) -> str:
    """What stands there; of a position that the decoder has not, its number."""
    own = stacks.count(scene) == 1 or array.startswith(ENCODER)
    tokens = scene.tokens if own else stacks.read(scene)
    return token_name(tokens, position, words) if position < len(tokens) else words("explain.at.pos", n=position)


def says(scene: Scene, words: Words) -> str:
    """What was put in from where, on a page that shows a patched run; and what a decoder reads in it."""
    run, about = compute.run(scene), {"what": called(scene, words), "source": scene.patch_source}
    if not run.trace.interventions.patch:
        return words("patch.says.nowhere", **about)
    read = words("patch.says.read") if run.target is not None else ""
    return f"{words('patch.says.put', **about)} {read}".rstrip()
