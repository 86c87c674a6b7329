"""A translation word by word: the walk, what is looked at, what is forced."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import Scene
from core.limits import BEAMS
from core.scene.fields import KINDS
from core.scene.sentence import fit_sentence
from core.scene.translation import Translated
from pictures.continuation import names
from pictures.generate.draw import candidates, share
from pictures.translate import text as texts
from pictures.words import Words
from ui import controls, shell, state
from ui.clock import Clock

CLOCK = Clock("translate", "words_translated", lambda: texts.translated(state.scene()), texts.reached)


def walk(scene: Scene, text: Translated, words: Words) -> None:
    """Back, play or stop, one word on, how many are written; and the other direction, or what was forced undone."""
    now, n = texts.reached(scene, text), len(text.steps)
    with st.container(key="translate-walk"):
        CLOCK.buttons(now, n, words)
        CLOCK.offer("step", "skip_next", words, CLOCK.go, now + 1, disabled=now == n)
        controls.slider(words("translate.written"), "words_translated", 1, max(n, 2), 1, now, disabled=n == 1)
        if scene.words_forced:
            CLOCK.offer("undo", "undo", words, _unforce)
        else:
            if CLOCK.offer("turn_round", "swap_vert", words, _turn_round, disabled=not texts.into(scene)):
                st.rerun()  # the sentence at the page's head is another one, and what is searched for


def looks(scene: Scene, text: Translated, words: Words) -> None:
    """Whose attention is shown, and of which head; and whether the decoder looks at the sentence at all."""
    with st.container(key="translate-looks"):
        controls.segments(
            words("translate.kind"),
            "attention_of",
            KINDS,
            scene.attention_of,
            lambda kind: words(f"translate.kinds.{kind}"),
            turn=lambda attention_of: state.turn(attention_of=attention_of, cross_layer=None, cross_head=None),
        )
        stack = text.config.encoder if scene.attention_of == "encoder" else text.config
        places = [(layer, head) for layer in range(stack.n_layers) for head in range(stack.n_heads)]
        chosen = None if scene.cross_layer is None or scene.cross_head is None else texts.place(scene, text)
        controls.select(
            words("translate.head"),
            "cross_place",
            [None, *places],
            chosen,
            lambda place: words("heads.place", layer=place[0], head=place[1]) if place else words("translate.sharpest"),
            of=scene.attention_of,
            turn=lambda cross_place: _choose(*(cross_place or (None, None))),
        )
        controls.switch(words("switches.names.cross"), "cross", scene.runs("cross"), turn=state.switch)


def force_list(scene: Scene, text: Translated, words: Words) -> None:
    """The bars as a list, for who has no mouse: what is chosen in it stands at this place."""
    step, name = texts.looked_at(scene, text), names(scene, words)
    controls.select(
        words("translate.force"),
        "words_forced",
        candidates(step),
        step.token,
        lambda token: f"{name(token)} · {share(float(step.distribution.plain[token]), words, fine=True)}",
        of=step.position,
        turn=lambda words_forced: _force(step.position, step.token, words_forced),
    )


def width(scene: Scene, words: Words) -> None:
    """How many texts the search keeps."""
    controls.slider(words("translate.beam_width"), "beam_width", *BEAMS, 1, scene.beam_width)


def force(click: dict[str, Any]) -> None:
    """The bar that was clicked stands at this place."""
    scene = state.scene()
    if (text := texts.translated(scene)) is not None:
        step = texts.looked_at(scene, text)
        _force(step.position, step.token, candidates(step)[click["point"]])


def choose_head(click: dict[str, Any]) -> None:
    """The head that was clicked."""
    _choose(round(float(click["y"])), round(float(click["x"])))


def vocabulary(words: Words) -> None:
    """All that the small world can say, in both languages."""
    with st.expander(words("translate.vocabulary"), icon=":material/dictionary:"):
        for language, known in texts.vocabulary().items():
            shell.say(words(f"shell.languages.{language}"), "step")
            shell.say(" · ".join(known), "about")


def _choose(layer: int | None, head: int | None) -> None:
    state.turn(cross_layer=layer, cross_head=head)


def _force(position: int, own: int, token: int) -> None:
    """`token` stands there, whatever the model says; later forced words no longer follow from it."""
    if token != own:
        kept = tuple(pair for pair in state.scene().words_forced if pair[0] < position)
        state.turn(words_forced=(*kept, (position, token)))


def _unforce() -> None:
    state.turn(words_forced=())


def _turn_round() -> None:
    """What was written is read, and translated back."""
    scene = state.scene()
    text = texts.translated(scene)
    if text is not None and (written := texts.back(scene, text)):
        back = fit_sentence(written, scene.split, scene.model)[0]
        state.show_turned(state.whole().turn(sentence=back, words_translated=None, words_forced=()))
