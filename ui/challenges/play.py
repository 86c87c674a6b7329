"""Playing a challenge: what its kind lets a player alter, the score as it stands, and a solution for who asks."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core import Scene
from core.challenges import CHALLENGES, Challenge, Score
from pictures import attention, cuts, fibres
from pictures import challenges as pictures
from pictures.heads import overview_height
from pictures.words import Words
from plots.tile_places import tile_at
from ui import controls, figure, shell, state
from ui.address import SOLVED
from ui.attention import embeddings
from ui.challenges import grids
from ui.challenges.asked import begin, name_head, named, show, told
from ui.fibres import cutting
from ui.live import bests, live_figure

MAP = 300  # px: of either map of a head that is built
TALLEST = 390  # px: of the other pictures, so that a laptop shows a whole one below its task


@st.fragment
def play(words: Words) -> None:
    """The challenge of this Scene."""
    scene = state.scene()
    challenge = CHALLENGES[scene.challenge]
    title = words(f"challenges.{challenge.name}.title")
    if challenge.kind != "build":  # there its words stand at both maps
        title = words("challenges.of", title=title, sentence=challenge.scene.text)
    with st.container(key="challenge-task"):
        st.html(
            f'<p class="fibra-question">{escape(title)}</p>'
            f'<p class="fibra-says">{escape(words(f"challenges.{challenge.name}.task"))}</p>'
        )
        if not challenge.fits(scene):
            shell.say(words("challenges.elsewhere"), "about")
            st.button(words("challenges.back"), key="challenge-back", on_click=begin, args=(challenge.name,))
            return
        found = pictures.reached(challenge, scene, named(challenge.name))
        _score(challenge, scene, found, words)
    {"build": _build, "cut": _cut, "sever": _sever, "find": _find}[challenge.kind](challenge, scene, words)


def _score(challenge: Challenge, scene: Scene, found: Score, words: Words) -> None:
    share = f"{found.value:.1%}" if challenge.kind == "build" else f"{found.stars / 3:.0%}"
    with st.container(key="challenge-score", horizontal=True):
        st.html(
            f'<div class="fibra-score" role="status">{pictures.stars(found.stars, words)}'
            f'<span class="track" aria-hidden="true"><i style="width:{share}"></i></span>'
            f"<b>{escape(_told(challenge, scene, found, words))}</b></div>"
        )
        if challenge.free or named(challenge.name) or told(challenge.name):
            st.button(words("challenges.anew"), key="challenge-anew", on_click=begin, args=(challenge.name,))
        if not told(challenge.name):
            label = words("challenges.solution" if found.stars else "challenges.show")
            st.button(label, key="challenge-show", on_click=show, args=(challenge.name,))
    shown = challenge.name in st.session_state.get(SOLVED, ())
    if found.stars and not shown:
        bests.keep(challenge.name, found.stars)
    if found.stars == pictures.MOST or shown:  # the challenge comes before its explanation
        shell.say(words(f"challenges.{challenge.name}.why"))
        if shown:
            shell.say(words("challenges.shown"), "about")


def _told(challenge: Challenge, scene: Scene, found: Score, words: Words) -> str:
    """The score in words; in its place the head that was to be found, where somebody asked which it is."""
    if not told(challenge.name):
        return pictures.told(challenge, scene, found, words)
    layer, head = challenge.solution.place
    return words("challenges.told", head=words("checks.place", layer=layer, head=head))


# ----------------------------------------------------------------------------------------------------------- the kinds


def _build(challenge: Challenge, scene: Scene, words: Words) -> None:
    with st.container(key="challenge-build"), live_figure.together("challenge-build"):
        wanted = pictures.wanted(challenge, scene, words)
        figure.show(wanted, words, key="challenge-wanted", height=MAP, title=words("challenges.wanted"))
        title = words("challenges.is_now")
        figure.picture(attention.pattern, scene, words, key="challenge-pattern", height=MAP, title=title)
        with st.container(key="challenge-numbers"):
            if challenge.free == "matrices":
                grids.editor(scene, words)
            else:
                shell.say(words("challenges.numbers"), "step")
                embeddings.editor(scene, words, small=True)


def _cut(challenge: Challenge, scene: Scene, words: Words) -> None:
    _heads(scene, words, _toggle)
    with st.container(key="challenge-heads"):
        for layer in range(scene.config.n_layers):
            with st.container(key=f"challenge-heads-{layer}", horizontal=True):
                for head in range(scene.config.n_heads):
                    _head_switch((layer, head), challenge, scene, words)


def _head_switch(place: tuple[int, int], challenge: Challenge, scene: Scene, words: Words) -> None:
    label = words("checks.place", layer=place[0], head=place[1])
    on, knob = place not in scene.ablated, f"head-{place[0]}-{place[1]}"
    controls.switch(label, knob, on, of=challenge.name, turn=lambda **_: _switch(place))


def _sever(challenge: Challenge, scene: Scene, words: Words) -> None:
    with st.container(key="challenge-fibres"), live_figure.together("challenge-fibres"):
        cutting.choose(scene, words)
        controls.head(scene.config, scene.place, words)
        for builder in (fibres.light, fibres.twin):
            name = f"challenge-{builder.__name__}"
            figure.picture(builder, scene, words, key=name, height=TALLEST, on_click=_touch)
    shell.notices(words, "last_key")


def _touch(click: dict[str, Any]) -> None:
    if edge := cuts.edge_at(click, state.scene()):
        cutting.touch(edge)


def _find(challenge: Challenge, scene: Scene, words: Words) -> None:
    _heads(scene, words, _choose)
    with st.container(key="challenge-choice", horizontal=True):
        controls.head(scene.config, scene.place, words)
        looks = {"disabled": told(challenge.name) or scene.place in named(challenge.name), "type": "primary"}
        place = (challenge.name, scene.place)
        st.button(words("challenges.pick"), key="challenge-pick", on_click=name_head, args=place, **looks)
    if picks := named(challenge.name):
        names = (words("checks.place", layer=layer, head=head) for layer, head in picks)
        shell.say(words("challenges.picks", heads=words.several(names)), "about")


def _heads(scene: Scene, words: Words, on_click: Any) -> None:
    look = {"height": min(overview_height(scene), TALLEST), "on_click": on_click}
    figure.show(pictures.heads(scene, words), words, key="challenge-all", **look)


def _at(click: dict[str, Any]) -> tuple[int, int] | None:
    scene = state.scene()
    shape = (scene.config.n_layers, scene.config.n_heads, len(scene.tokens))
    return tile_at(float(click["x"]), float(click["y"]), shape)


def _toggle(click: dict[str, Any]) -> None:
    if place := _at(click):
        _switch(place)


def _switch(place: tuple[int, int]) -> None:
    state.turn(ablated={*state.scene().ablated} ^ {place})


def _choose(click: dict[str, Any]) -> None:
    if place := _at(click):
        state.turn(layer=place[0], head=place[1])
