"""Heads: every layer and head in one picture, one of them enlarged, and what the output loses without it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import Scene
from core.interpret import attention_distance, entropy, relative_change, token_norms, without_heads
from core.limits import SEED
from pictures import compare, compute, left_out, pinned, stacks, worth
from pictures import heads as pictures
from pictures.words import Words
from ui import comparison, controls, explanation, figure, on_demand, presets, shell, sizes, state, switchboard
from ui.heads import clicks
from ui.live import live_figure

WITHOUT = on_demand.Work("heads.without", worth.outputs, worth.parts, worth.cost, worth.known)
SEEDS = 99  # the slider's last; of ten thousand, a hand would not hit the next one


@st.fragment
def heads(words: Words) -> None:
    scene = state.scene()
    switchboard.in_step(scene)
    if scene.preset.trained:  # what it learned fits no other size
        config = scene.config
        own = {name: getattr(config, name) for name in ("d_model", "n_heads", "n_layers", "d_mlp")}
        shell.say(words("heads.own_sizes", **own), "about")
    else:
        with st.container(key="heads-sizes"):
            _sizes(scene, words)
    controls.attention_of(scene, words)
    controls.hidden_on_maps(scene, words)
    if scene.pinned:
        _compared(scene, words)
    with st.container(key="heads-main"):
        _all(scene, words)
        _one(left_out.whole(scene), words)
    _growth(scene, words)
    explanation.draw("heads", words)


def _sizes(scene: Scene, words: Words) -> None:
    config = scene.config
    for size, options in sizes.offered(config).items():
        label, value, alone = words(f"heads.{size}"), getattr(config, size), len(options) == 1
        controls.choice_slider(label, size, options, value, disabled=alone, help=words(f"heads.{size}_help"))
    most = SEEDS if scene.seed <= SEEDS else SEED[1]
    controls.slider(words("heads.seed"), "seed", SEED[0], most, 1, scene.seed)


def _all(scene: Scene, words: Words) -> None:
    height = pictures.measures_height(scene)
    with live_figure.together("heads-all"):
        if not scene.pinned:
            _picture(pictures.overview, "all", scene, words, pictures.overview_height(scene), clicks.choose_tile)
        _picture(pictures.entropies, "entropy", scene, words, height, controls.choose_head)
        if not stacks.looks(scene).crosses:  # between two texts nothing is near or far
            _picture(pictures.distances, "distance", scene, words, height, controls.choose_head)


def _compared(scene: Scene, words: Words) -> None:
    comparison.differs(scene, words)
    builders = (compare.pinned_heads, compare.present_heads, compare.heads_difference)
    height, alike = compare.heads_height(scene), pinned.alike(scene, heads=True)
    comparison.row(scene, words, builders, key="heads", height=height, alike=alike, on_click=clicks.choose_tile)


def _one(scene: Scene, words: Words) -> None:
    with st.container(key="heads-right"):
        ready = on_demand.is_ready(WITHOUT, scene)
        with live_figure.together("heads-one"):
            _head(scene, words, ready)
        if not ready:
            with st.container(key="heads-asked"):  # where the picture will stand
                if on_demand.ready(WITHOUT, scene, words("heads.worth"), words):  # another reader's was, just now
                    _worth(scene, words)


def _head(scene: Scene, words: Words, ready: bool) -> None:
    """The chosen head, and what it is worth, where that is `ready`."""
    found = stacks.looks(scene)
    controls.head(found.config, found.place, words)
    off, of = found.place in found.ablated, (found.kind, *found.place)
    controls.switch(words("heads.off"), "off", off, of=of, turn=clicks.switch_off)
    st.button(words("heads.all_on"), key="all-on", on_click=clicks.all_on, disabled=not scene.ablated)
    _picture(pictures.chosen, "one", scene, words, pictures.chosen_height(scene))
    if ready:
        _worth(scene, words)


def _worth(scene: Scene, words: Words) -> None:
    _picture(worth.effect, "worth", scene, words, worth.height(scene))


def _growth(scene: Scene, words: Words) -> None:
    with st.container(key="heads-growth"):
        _picture(pictures.lengths, "grows", scene, words, pictures.GROWTH_HEIGHT)
        switchboard.scaled_init(scene, words)
        for part in ("residual", "norm"):
            switchboard.part(scene, part, words)


def _picture(
    builder: compute.Builder, name: str, scene: Scene, words: Words, height: int, on_click: Any = None
) -> None:
    figure.picture(
        builder, scene, words, key=f"heads-{name}", height=height, title=words(f"heads.{name}"), on_click=on_click
    )


def page(scene: Scene, words: Words) -> None:
    presets.richer(scene, words, "heads")
    heads(words)


shell.Page("heads", page, (entropy, attention_distance, without_heads, relative_change, token_norms), seed=False).open()
