"""Where a number comes from: a card that a click on any figure opens, and a form for those who cannot click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core import Notice, Scene
from core.scene.fields import EXPLAINED, Numbered
from pictures.explained import card as cards
from pictures.explained import places
from pictures.explained.naming import array, families, family_of, index_at
from pictures.explained.page_world import world
from pictures.explained.world import World
from pictures.numbers import Numbers
from pictures.words import Words
from ui import controls, state
from ui.checks import panel
from ui.live import explained

Hear = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Source:
    """Where the numbers of a page come from: the names of its arrays, all that it can be asked, and the card."""

    families: Callable[[Scene], list[str]]
    world: Callable[[Scene], World | None]
    shown: Callable[[Scene], cards.Shown | None]

    @classmethod
    def of(cls, page: str, words: Words) -> Source:
        """Of a page that shows the Scene's model."""
        return cls(
            lambda scene: families(page, scene),
            lambda scene: world(page, scene, words),
            lambda scene: cards.shown(page, scene, words),
        )


def known(page: str, scene: Scene, words: Words) -> Scene:
    """The Scene without a number that this page has not, which an address had brought: that is then said."""
    if scene.explained and state.addressed():
        here = world(page, scene, words)
        if here is not None and not here.has(scene.explained[-1]):
            let_go(scene)
    return state.scene()


def let_go(scene: Scene) -> None:
    """Take away the number that the Scene has explained, and say so."""
    wrong = Notice("default", "explained", EXPLAINED.write(scene.explained), EXPLAINED.right)
    state.let_go(wrong, explained=())


def heard(numbers: Numbers, own: Hear | None) -> Hear:
    """What a click on a figure does: what it does there anyhow, and to explain the number under it; all one move."""

    def hear(click: dict[str, Any]) -> None:
        with state.one_move(object()):
            if own:
                own(click)
            if number := numbers.at(click):
                state.turn(explained=(number,))

    return hear


def draw(page: str, words: Words, offer: Callable[[], None] | None = None) -> None:
    """The form, and under it the card of what is explained. At the end of the fragment that draws the figures.

    offer: draws what the page can do with that number; at the head of the card, or where there is none above the form.
    """
    source = Source.of(page, words)
    scene = state.scene()
    covered = panel.covered(scene)  # a card would give the answer away
    found = source.shown(scene) if scene.explained and not covered else None
    if offer and found is None:
        offer()
    if covered:
        return
    form(source, found, words)
    if found is not None:
        card(found, offer)


def form(source: Source, found: cards.Shown | None, words: Words) -> None:
    """By which a number is chosen; found: the card that is shown."""
    with st.container(key="explained-form"):
        _form(source, state.scene(), found, words)


def card(found: cards.Shown, offer: Callable[[], None] | None = None) -> None:
    """The card alone."""
    with st.container(key="explained-card"):
        if offer:
            offer()
        st.latex(found.card.formula)
        html = found.html if explained.alive() else found.card.html
        explained.show(addressed(html), follow=_follow)


def addressed(html: str) -> str:
    """Links to explanations with all else that the address says."""
    others = urlencode({name: text for name, text in state.query().items() if name != "explained"})
    return html.replace('href="?', f'href="?{escape(others)}&amp;') if others else html


def follow(click: dict[str, Any]) -> None:
    """A link to a number in what is written among the figures."""
    _follow(click["way"])


def _follow(way: str) -> None:
    """A link of the card: to another number, or to none."""
    state.turn(explained=EXPLAINED.read(way) if way else ())


def _form(source: Source, scene: Scene, found: cards.Shown | None, words: Words) -> None:
    """Which array; where the card is no component, of which layer too, and the place in it."""
    number = scene.explained[-1] if found else None
    chosen = family_of(number[0]) if number else ("", None)
    options = ["", *source.families(scene)]
    options += [] if chosen[0] in options else [chosen[0]]

    def open_family(explained: str) -> None:
        _open(source, explained, chosen[1])

    controls.select(
        words("explain.choose"),
        "explained",
        options,
        chosen[0],
        lambda one: array(one.replace("*", "0"), words, code=True) if one else words("explain.none"),
        turn=open_family,
    )
    if found is None or number is None or explained.alive():  # a list in the card costs no widget
        return
    if chosen[1] is not None and found.layers > 1:
        layers = range(found.layers)
        controls.select(words("axis.layer"), "explained_layer", layers, chosen[1], str, turn=_move(number))
    for at, axis in enumerate(found.axes):
        _place(at, axis, number, words)


def _move(number: Numbered) -> Callable[..., None]:
    """What a choice of another layer does."""
    family = family_of(number[0])[0]
    return lambda explained_layer: _to((family.replace("*", str(explained_layer)), number[1]))


def _place(at: int, axis: places.Axis, number: Numbered, words: Words) -> None:
    """Along one axis; where there is a choice."""

    def turn(**place: int) -> None:
        _to((number[0], (*number[1][:at], *place.values(), *number[1][at + 1 :])))

    name, size, _ = axis
    if size == 1:
        return
    knob, now, label = f"explained_{at}", number[1][at], words(f"explain.axes.{name or 'other'}")
    if names := places.names_of(axis, words):
        controls.select(label, knob, range(size), now, names.__getitem__, turn=turn)
    else:
        controls.number(label, knob, 0, size - 1, now, turn=turn)


def _to(number: Numbered) -> None:
    state.turn(explained=(number,))


def _open(source: Source, family: str, layer: int | None) -> None:
    """The number of an array that stands where the reader looks, or in the layer that was explained; of none, none."""
    scene = state.scene()
    here = source.world(scene) if family else None
    if here is None:
        state.turn(explained=())
        return
    name = family.replace("*", str(min(scene.layer if layer is None else layer, here.n_layers(family) - 1)))
    state.turn(explained=((name, index_at(name, here, scene)),))
