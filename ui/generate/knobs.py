"""Writing step by step: the walk, and the knobs of the draw."""

from __future__ import annotations

import streamlit as st

from core import Scene, Writing
from core.generate.loop import NewToken
from core.limits import NEW_TOKENS, TOP_K
from core.scene.sentence import fit_target, target_cut
from pictures import continuation, display_names
from pictures.generate import draw
from pictures.words import Words
from plots.tokens import shown
from ui import controls, presets, shell, state
from ui.clock import Clock
from ui.live import menu

HEATS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
TOP_KS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500)
TOP_PS = (*(round(0.05 * i, 2) for i in range(1, 20)), 0.97, 0.99, 1.0)
CLOCK = Clock(
    "generate", "tokens_written", lambda: continuation.written(continuation.writer(state.scene())), continuation.reached
)


def walk(scene: Scene, text: Writing, words: Words) -> None:
    """Back, play or stop, one step on, how far it is written; and another draw, or what was forced undone."""
    now, n = continuation.reached(scene, text), len(text.steps)
    with st.container(key="generate-walk"):
        CLOCK.buttons(now, n, words)
        if now < n:
            CLOCK.offer("step", "skip_next", words, CLOCK.go, now + 1)
        else:  # one token more than were asked for, where there is room
            room = min(NEW_TOKENS[1], text.config.n_ctx - len(text.ids))
            CLOCK.offer("step", "skip_next", words, _more, n + 1, disabled=n >= room)
        controls.slider(words("generate.written"), "tokens_written", 1, max(n, 2), 1, now, disabled=n == 1)
        if scene.forced:
            CLOCK.offer("undo", "undo", words, _unforce)
        else:
            CLOCK.offer("again", "casino", words, _redraw)


def knobs(scene: Scene, text: Writing, words: Words) -> None:
    """How a token is drawn, and how many of them."""
    vocab, room = text.config.vocab_size, text.config.n_ctx - len(text.ids)
    everything = words("generate.all")
    controls.choice_slider(
        words("generate.heat"), "draw_temperature", HEATS, scene.draw_temperature, text=words.short, turn=state.turn
    )
    controls.choice_slider(
        words("generate.top_k"),
        "top_k",
        [k for k in TOP_KS if k < vocab] + [TOP_K[1]],
        scene.top_k or TOP_K[1],
        text=lambda k: everything if k >= min(vocab, TOP_K[1]) else str(k),
        turn=lambda top_k: state.turn(top_k=None if top_k >= min(vocab, TOP_K[1]) else top_k),
    )
    controls.choice_slider(
        words("generate.top_p"),
        "top_p",
        TOP_PS,
        scene.top_p or 1.0,
        text=lambda p: everything if p == 1 else words.short(p),
        turn=lambda top_p: state.turn(top_p=None if top_p == 1 else top_p),
    )
    most = max(2, min(NEW_TOKENS[1], room))
    label, now = words("generate.new"), min(scene.max_new_tokens, most)
    controls.slider(label, "max_new_tokens", 1, most, 1, now, turn=_write_all)
    _other(scene, text, words)
    shell.say(words("generate.click"), "about")
    if len(text.ids) < len(scene.tokens):
        shell.say(words("generate.room", n=len(text.ids), most=text.config.n_ctx), "about")


def _other(scene: Scene, text: Writing, words: Words) -> None:
    """The bars as a list, for who has no mouse: what is chosen in it is the next token."""
    step, name = continuation.looked_at(scene, text), continuation.names(scene, words)

    def called(token: int) -> str:
        return f"{shown(name(token))} · {draw.share(float(step.distribution.plain[token]), words, fine=True)}"

    controls.select(
        words("generate.other"),
        "forced",
        draw.candidates(step),
        step.token,
        called,
        of=step.position,
        turn=lambda forced: _force(step, forced),
    )


def force(click: dict) -> None:
    """The bar that was clicked is the next token."""
    scene = continuation.writer(state.scene())
    text = continuation.written(scene)
    if text is not None:
        step = continuation.looked_at(scene, text)
        _force(step, draw.candidates(step)[click["point"]])


def _force(step: NewToken, token: int) -> None:
    """`token` stands there, whatever was drawn; later forced tokens no longer follow from it. Where it stood already
    nothing is forced."""
    if token == step.token:
        return
    kept = tuple(pair for pair in state.scene().forced if pair[0] < step.position)
    state.turn(forced=(*kept, (step.position, token)))


def _unforce() -> None:
    state.turn(forced=())


def _redraw() -> None:
    state.turn(draw_seed=(state.scene().draw_seed + 1) % 10_000)


def _write_all(max_new_tokens: int) -> None:
    state.turn(max_new_tokens=max_new_tokens, tokens_written=None)


def _more(new: int) -> None:
    CLOCK.stop()
    state.turn(max_new_tokens=new, tokens_written=None)


def target(scene: Scene, words: Words) -> None:
    """The text that is judged."""
    own = {"placeholder": words("generate.loss.own")}
    controls.text(words("generate.loss.target"), "target", scene.target, _retarget, **own)


def _retarget(typed: str) -> None:
    state.turn(target=fit_target(typed))
    if cut := target_cut(typed):
        state.notify(cut)


def stand_in(scene: Scene, words: Words) -> None:
    """Where the reader's model cannot write, say so and who does; a button turns to that one."""
    place = presets.stand_in(scene, continuation.writer(scene), words, "generate.stand_in")
    if place is not None and scene.preset.trained:  # an encoder has learned something else
        own = display_names.called(scene.model, scene.preset, words)
        with place:
            shell.say(words("generate.encoder", story=own, d=scene.config.d_model), "about")
            menu.link("drift", words)
