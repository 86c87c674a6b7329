"""Where a number of the run on the Train page comes from: its cards, and in which fragment each stands."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import Scene
from pictures.explained import card as cards
from pictures.explained import runs, training
from pictures.explained.checked import CHECK
from pictures.explained.world import World
from pictures.train.view import View
from pictures.words import Words
from ui import explanation, state
from ui.fragments import Fragments
from ui.train import session
from ui.train.kept_runs import Training

IN_CHECK = (*(f"{name}." for name in CHECK), "along.", f"{runs.NUDGED}.", runs.EXACT)
TWO = Fragments("train", IN_CHECK)
CHECKED = ("check_parameter", "check_row", "check_column", "check_nudge", "check_bug")  # what a gradient check reads


def known(training: Training, words: Words) -> None:
    """Take away a number that this run has not, which an address had brought, and say so."""
    scene = state.scene()
    if not scene.explained or not state.addressed() or training.until is not None:
        return
    if not _world(session.view(training, words), words).has(scene.explained[-1]):
        explanation.let_go(scene)
        st.rerun()


def draw(view: View, words: Words) -> None:
    """Among the pictures of the run: the form, and the card of a number that is one of these."""
    found = _found(view, words)
    explanation.form(_source(view, words), found, words)
    if found is not None and not _is_checked():
        explanation.card(found)


def draw_checked(view: View, words: Words) -> None:
    """Under the gradient check: the card of one of its numbers."""
    if _is_checked() and (found := _found(view, words)) is not None:
        explanation.card(found)


def _is_checked() -> bool:
    way = state.scene().explained
    return bool(way) and way[-1][0].startswith(IN_CHECK)


def _source(view: View, words: Words) -> explanation.Source:
    return explanation.Source(
        lambda scene: training.families(view), lambda scene: _world(view, words), partial(_shown, view, words)
    )


def _found(view: View, words: Words) -> cards.Shown | None:
    return _shown(view, words, state.scene())


def _shown(view: View, words: Words, scene: Scene) -> cards.Shown | None:
    """The card, kept while nothing that it depends on has changed."""
    if not scene.explained:
        return None
    held, stamp = _held(view), (*_stamp(view, words), scene.explained)
    if held.card is None or held.card[0] != stamp:
        held.card = stamp, cards.of(_world(view, words), scene.explained, words)
    return held.card[1]


def _world(view: View, words: Words) -> World:
    held, stamp = _held(view), _stamp(view, words)
    if held.world is None or held.world[0] != stamp:
        held.world = stamp, training.world(view, words)
    return held.world[1]


def _held(view: View) -> Training:
    assert isinstance(view.training, Training), "a page's own"
    return view.training


def _stamp(view: View, words: Words) -> tuple:
    return (*view.stamp, words.lang, *(getattr(view.scene, name) for name in CHECKED))
