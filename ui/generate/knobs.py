"""Writing step by step: the clock that plays, the buttons that walk, and the knobs of the draw."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic

import streamlit as st

from core import Scene, Writing
from core.generate.loop import NewToken
from core.limits import NEW_TOKENS, TOP_K
from core.scene.sentence import fit_target, target_cut
from pictures import continuation, display_names
from pictures.generate import draw
from pictures.words import Words
from ui import controls, presets, shell, state
from ui.live import menu

HEATS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
TOP_KS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500)
TOP_PS = (*(round(0.05 * i, 2) for i in range(1, 20)), 0.97, 0.99, 1.0)
PLAYING = "generate.playing"  # when the last step was taken; absent while it stands still
BEGAN = "generate.began"  # when it was set off: one play is undone as one move, however slowly the server beats
PACE = 0.8  # seconds a step


def playing() -> bool:
    """Whether the clock runs."""
    return PLAYING in st.session_state


def enter() -> None:
    """The page opens: what played when it was left stands where it stood, and does not play by itself."""
    if st.session_state[state.ENTERED]:
        _stop()


def tick() -> None:
    """One step further, if it is time: a click between two beats runs this too."""
    if monotonic() - st.session_state[PLAYING] < PACE / 2:
        return
    text = continuation.written(continuation.writer(state.scene()))
    if text is None:  # a turn made the numbers explode
        _stop()
        st.rerun()
    now = continuation.reached(state.scene(), text) + 1
    st.session_state[PLAYING] = monotonic()
    if now <= len(text.steps):
        with _one_play():
            state.turn(tokens_written=now)
    if now >= len(text.steps):
        _stop()
        st.rerun()


def walk(scene: Scene, text: Writing, words: Words, running: bool) -> None:
    """Back, play or stop, one step on, how far it is written; and another draw, or what was forced undone."""
    now, n = continuation.reached(scene, text), len(text.steps)
    with st.container(key="generate-walk"):
        _button("back", "skip_previous", words, _go, now - 1, disabled=now == 1)
        if running:
            _button("stop", "stop", words, _stop, type="primary")
        else:
            _button("play", "play_arrow", words, _play, 1 if now == n else now, type="primary")
        if now < n:
            _button("step", "skip_next", words, _go, now + 1)
        else:  # one token more than were asked for, where there is room
            room = min(NEW_TOKENS[1], text.config.n_ctx - len(text.ids))
            _button("step", "skip_next", words, _more, n + 1, disabled=n >= room)
        controls.slider(words("generate.written"), "tokens_written", 1, max(n, 2), 1, now, disabled=n == 1)
        if scene.forced:
            _button("undo", "undo", words, _unforce)
        else:
            _button("again", "casino", words, _redraw)


def _button(name: str, icon: str, words: Words, on_click: Callable[..., None], *args: int, **more) -> None:
    label, icon = words(f"generate.{name}"), f":material/{icon}:"
    st.button(label, key=f"generate-{name}", icon=icon, on_click=on_click, args=args, width="stretch", **more)


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
        return f"{name(token)} · {draw.share(float(step.distribution.plain[token]), words, fine=True)}"

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


def _go(step: int) -> None:
    st.session_state.pop(PLAYING, None)
    state.turn(tokens_written=step)


def _more(new: int) -> None:
    st.session_state.pop(PLAYING, None)
    state.turn(max_new_tokens=new, tokens_written=None)


def _play(start: int) -> None:
    st.session_state[PLAYING] = st.session_state[BEGAN] = monotonic()
    with _one_play():
        state.turn(tokens_written=start)


def _one_play() -> AbstractContextManager[None]:
    return state.one_move((PLAYING, st.session_state[BEGAN]))


def _stop() -> None:
    st.session_state.pop(PLAYING, None)


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
