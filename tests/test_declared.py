"""What a picture depends on is what its builder declares: no other knob alters a byte of it, and each declared one does
somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from functools import cache

import pytest

from core import Scene
from core.errors import FibraError
from pictures import attention, compute, pinned
from pictures.words import words_of
from plots.figure import to_json
from tests.builders import ALL, draws, name_of, shown

EN = words_of("en")
SMALL = (("d_model", 16), ("n_heads", 4), ("n_layers", 3))
DEEPER = (("d_model", 16), ("n_heads", 4), ("n_layers", 6))
PIN = Scene(model="gpt", sentence="um dois três quatro", overrides=SMALL, temperature=3.0)
# Values of every kind: those that a field takes are tried on it.
TRIED = (
    *("slow", 1e-4),  # of training
    *(0, 1, 2, 3, 7, 0.05, 0.3, 0.9, True, "", "pattern", "x", "z", "scores", "norm", "units", "mlp_out", "encoder"),
    *("sort", "small", "en", "pt-BR", "text-0123456789ab", "um dois um", ((4, 3),), (("embed", (0, 0)),)),
    *(replace(PIN, temperature=2.0), replace(PIN, seed=4, overrides=DEEPER)),
)


def bases() -> Iterator[Scene]:
    """Scenes unlike one another: hand-made, drawn, exploding, trained, with a pin."""
    words = "um dois três quatro"
    yield Scene()
    yield Scene(model="gpt", sentence=words, overrides=SMALL, off=("mlp",), layer=1, head=1, query=2, key=1)
    yield Scene(
        model="gpt", sentence=words, overrides=SMALL, ablated=((1, 1),), layer=2, threshold=0.2, without_first=True
    )
    yield Scene(model="encoder", sentence=words, drift_3d=True)
    yield Scene(model="stories", seed=3, split="characters", tokens_written=2, top_k=5)
    for more in (
        {},
        {"compared_step": "q", "compared_array": "units"},
        {"compared_step": "x", "drift_3d": True, "layer": 1},
    ):
        yield Scene(model="gpt", sentence=words, overrides=SMALL, pinned=PIN, **more)


@cache
def drawable(builder: compute.Builder) -> tuple[Scene, ...]:
    """Those of the Scenes that have such a picture."""
    ones = (shown(builder, scene) for scene in bases())
    return tuple(scene for scene in (*ones, *two_stacks(builder)) if draws(builder, scene))


def two_stacks(builder: compute.Builder) -> tuple[Scene, ...]:
    """An encoder and a decoder, of each kind of attention; a comparison has them on both sides."""
    scene = Scene(model="seq2seq", sentence="um dois um", query=2, layer=1, threshold=0.3, loss_position=1)
    scenes = (scene, scene.turn(attention_of="encoder", head=1), scene.turn(attention_of="decoder"))
    if "compare" in builder.__module__:
        return tuple(
            s.turn(pinned=Scene(model="seq2seq", sentence="um dois três", temperature=3.0).computed) for s in scenes
        )
    return *scenes, Scene(model="translator", sentence="um")


def drawn(builder: compute.Builder, scene: Scene) -> tuple[bytes, str]:
    """A picture as it is made of the whole Scene, not of what was declared."""
    made = builder(scene, EN)
    return to_json(made.figure), made.says


@cache
def turned(scene: Scene, field: str) -> tuple[Scene, ...]:
    """The Scene with other values of one view field."""
    found, annotation = [], next(f.type for f in fields(Scene) if f.name == field)
    kinds = {kind.partition("[")[0] for kind in annotation.split(" | ")}
    for value in TRIED:
        if type(value).__name__ in kinds:
            with suppress(FibraError):
                found.append(replace(scene, **{field: value}))
    assert found, f"no value tried fits {field}"
    return tuple(other for other in found if other != scene)


def turns(builder: compute.Builder, scene: Scene, field: str) -> Iterator[Scene]:
    """The same, but for what the page does not draw: the difference of two that are not alike."""
    for other in turned(scene, field):
        if "difference" not in builder.__name__ or pinned.alike(other, heads=True):
            yield other


def other_knobs(scene: Scene, view: frozenset[str]) -> Iterator[Scene]:
    """The Scene with all of these fields turned at once, in several ways."""
    for i in (0, 1, -1):
        others = {field: found for field in view if (found := turned(scene, field))}
        yield replace(scene, **{name: getattr(other[i % len(other)], name) for name, other in others.items()})


@pytest.mark.parametrize("builder", ALL, ids=name_of)
def test_a_picture_depends_on_what_it_declares_and_on_nothing_else(builder: compute.Builder) -> None:
    declared, scenes = compute.reads(builder), drawable(builder)
    moved: set[str] = set()
    assert scenes
    for scene in scenes:
        here = drawn(builder, scene)
        assert drawn(builder, compute.looked_at(scene, declared)) == here
        for other in other_knobs(scene, compute.VIEW - {*declared}):
            assert drawn(builder, other) == here, altering(builder, scene, here)
        for field in {*declared} - moved:
            if any(drawn(builder, other) != here for other in turns(builder, scene, field)):
                moved.add(field)
    assert moved == {*declared}, f"declared, and read in no Scene: {sorted({*declared} - moved)}"


def altering(builder: compute.Builder, scene: Scene, here: tuple[bytes, str]) -> list[str]:
    """The fields that alter the picture."""
    return [
        field
        for field in sorted(compute.VIEW)
        if any(drawn(builder, other) != here for other in turns(builder, scene, field))
    ]


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_a_knob_of_another_page_builds_nothing(lang: str) -> None:
    words, scene = words_of(lang), Scene(model="gpt", sentence="um dois três", temperature=1.3)
    shown = (*attention.VECTORS, *attention.MATRICES, attention.output)

    def built(scene: Scene) -> int:
        before = compute.build.cache.misses
        for builder in shown:
            compute.build(builder, scene, words)
        return compute.build.cache.misses - before

    assert built(scene) == len(shown)
    assert built(scene) == 0
    assert built(replace(scene, threshold=0.3, focus=1, drift_stage=1, task="sort", dimension=2, lang=lang)) == 0
    assert built(replace(scene, key=2)) == sum("key" in compute.reads(builder) for builder in shown)


def test_x_q_k_and_v_stay_where_nothing_below_them_was_turned() -> None:
    first = Scene(model="gpt", sentence="um dois três", overrides=(("n_layers", 2),))
    for layer, stay in ((0, True), (1, False)):
        scene = first.turn(layer=layer)
        for other in (scene.turn(temperature=3.0), scene.switch(scale=False), scene.switch(mask=False)):
            assert attention.same_vectors(scene, other) == stay
    for other in (
        first.turn(query=0),
        first.turn(key=0),
        first.turn(head=1),
        first.turn(sentence="um dois"),
        first.turn(seed=4),
    ):
        assert not attention.same_vectors(first, other)
    assert attention.same_vectors(first, first.turn(threshold=0.5))
    hand = Scene(overrides=(("projections", True),))
    for alone in (hand.turn(matrices=(("Q", 0, 0, 5.0),)), hand.turn(matrices=(("K", 0, 0, 5.0),))):
        assert not attention.same_vectors(hand, alone), "Q, or K, is another one, and X and V are as they were"
    assert not attention.same_vectors(first, first.switch(W_V=False)), "V alone is another one"
