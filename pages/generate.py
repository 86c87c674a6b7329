"""Generate: a text writes itself on, one token at a time, and every draw can be looked at, bent and gone on from."""

from __future__ import annotations

import ui  # noqa: F401  first, before anything brings NumPy: it says how many threads BLAS takes

# isort: split
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import streamlit as st

from core import Distribution, Scene, Writing, cross_entropy
from core.generate import generate, multiplications
from core.interpret import read_stream
from core.limits import NEW_TOKENS, TOP_K
from core.sentence import fit_target
from ui import arithmetic, comparison, controls, loop, shell, show, state, writing
from ui.pictures.generate import cache, draw, lens
from ui.pictures.generate import loss as losses
from ui.words import Words

HEATS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)
TOP_KS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500)
TOP_PS = (*(round(0.05 * i, 2) for i in range(1, 20)), 0.97, 0.99, 1.0)
PLAYING = "generate.playing"  # when the last step was taken; absent while it stands still
PACE = 0.8  # seconds a step; undone as one move, like all turns of one knob that are less than a second apart
TARGET = "knob-target"


def play(words: Words) -> None:
    """The loop, with a clock of its own while it plays."""
    running = PLAYING in st.session_state
    st.fragment(_loop, run_every=PACE if running else None)(words, running)


def _loop(words: Words, running: bool) -> None:
    """The text so far, the loop, the draw and its knobs; what each layer would say, and what the cache saved."""
    if (PLAYING in st.session_state) != running:  # only the whole page sets or stops the clock
        st.rerun()
    if running:
        _tick()
    scene = writing.writer(state.scene())
    text = writing.written(scene)
    if text is None:
        shell.say(words("generate.broken"))
        return
    st.html(_texts(scene, text, words) + loop.strip(scene, text, words))
    _walk(scene, text, words, running)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        shell.say(words("generate.draw"), "step")
        height = draw.height(scene, text)
        show.picture(draw.choices, scene, words, key="generate-choices", height=height, on_click=_force)
    with right:
        _knobs(scene, text, words)
    _inside(scene, text, words)


def _tick() -> None:
    """One step further, if it is time: a click between two beats runs this too."""
    if monotonic() - st.session_state[PLAYING] < PACE / 2:
        return
    text = writing.written(writing.writer(state.scene()))
    now = writing.reached(state.scene(), text) + 1
    st.session_state[PLAYING] = monotonic()
    if now <= len(text.steps):
        state.turn(step=now)
    if now >= len(text.steps):
        _stop()
        st.rerun()


def _texts(scene: Scene, text: Writing, words: Words) -> str:
    """What was written; beside it, where the reader forced a token, what would have been without."""
    if not any(step.forced for step in text.steps):
        return loop.continuation(scene, text, words)
    free = replace(scene, forced=())
    both = (
        loop.continuation(scene, text, words, words("generate.yours")),
        loop.continuation(free, writing.written(free), words, words("generate.own")),
    )
    return f'<div class="fibra-texts">{"".join(both)}</div>'


def _walk(scene: Scene, text: Writing, words: Words, running: bool) -> None:
    now, n = writing.reached(scene, text), len(text.steps)
    with st.container(key="generate-walk"):
        back, go, step, slider, other = st.columns([1, 1.2, 1, 4, 1.8], gap="small", vertical_alignment="bottom")
    with back:
        _button("back", "skip_previous", words, _go, now - 1, disabled=now == 1)
    with go:
        if running:
            _button("stop", "stop", words, _stop, type="primary")
        else:
            _button("play", "play_arrow", words, _play, 1 if now == n else now, type="primary")
    with step:
        _button("step", "skip_next", words, _go, now + 1, disabled=now == n)
    with slider:
        controls.slider(words("generate.written"), "step", 1, max(n, 2), 1, now, disabled=n == 1)
    with other:
        if scene.forced:
            _button("undo", "undo", words, _unforce)
        else:
            _button("again", "casino", words, _redraw)


def _button(name: str, icon: str, words: Words, on_click: Callable[..., None], *args: int, **more) -> None:
    label, icon = words(f"generate.{name}"), f":material/{icon}:"
    st.button(label, key=f"generate-{name}", icon=icon, on_click=on_click, args=args, width="stretch", **more)


def _knobs(scene: Scene, text: Writing, words: Words) -> None:
    vocab, room = text.config.vocab_size, text.config.n_ctx - len(text.ids)
    everything = words("generate.all")
    controls.choice_slider(words("generate.heat"), "heat", HEATS, scene.heat, text=words.short, turn=state.turn)
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
    controls.slider(
        words("generate.new"), "new", 1, most, 1, min(scene.new, most), turn=lambda new: state.turn(new=new, step=None)
    )
    shell.say(words("generate.click"), "about")
    if len(text.ids) < len(scene.tokens):
        shell.say(words("generate.room", n=len(text.ids), most=text.config.n_ctx), "about")


def _inside(scene: Scene, text: Writing, words: Words) -> None:
    """Two looks into the machine at this step."""
    left, right = st.columns(2, gap="medium")
    with left:
        shell.say(words("generate.lens.title"), "step")
        if lens.readable(scene):
            rows = min(lens.ROWS, len(text.ids) + writing.reached(scene, text) - 1)
            show.picture(lens.lens, scene, words, key="generate-lens", height=lens.height(rows))
        else:
            shell.say(words("generate.lens.none"))
    with right:
        shell.say(words("generate.ledger.title"), "step")
        show.picture(cache.ledger, scene, words, key="generate-ledger", height=cache.height(scene, words))
        if scene.config.causal:
            shell.say(cache.check(scene, words))


@st.fragment
def loss(words: Words) -> None:
    """A real text judged: token by token, the mean, perplexity, and the simplified squared error."""
    scene = writing.writer(state.scene())
    left, right = st.columns(2, gap="medium")
    with left:
        shell.say(words("generate.loss.title"), "step")
        if st.session_state.get(TARGET) != scene.target:
            st.session_state[TARGET] = scene.target
        st.text_input(
            words("generate.loss.target"), key=TARGET, placeholder=words("generate.loss.own"), on_change=_retarget
        )
        found = losses.judged(scene)
        if found is None:
            shell.say(words("generate.loss.none"))
            return
        show.picture(losses.losses, scene, words, key="generate-loss", height=losses.HEIGHT)
    with right:
        shell.say(words("generate.loss.arithmetic"), "step")
        st.html(arithmetic.listed(losses.lines(found, words), words))


def _force(click: dict) -> None:
    """The bar that was clicked is the next token, whatever was drawn; later forced tokens no longer follow from it."""
    scene = writing.writer(state.scene())
    step = writing.looked_at(scene, writing.written(scene))
    kept = tuple(pair for pair in state.scene().forced if pair[0] < step.position)
    state.turn(forced=(*kept, (step.position, draw.candidates(step)[click["point"]])))


def _unforce() -> None:
    state.turn(forced=())


def _redraw() -> None:
    state.turn(draw=(state.scene().draw + 1) % 10_000)


def _go(step: int) -> None:
    st.session_state.pop(PLAYING, None)
    state.turn(step=step)


def _play(start: int) -> None:
    st.session_state[PLAYING] = monotonic()
    state.turn(step=start)


def _stop() -> None:
    st.session_state.pop(PLAYING, None)


def _retarget() -> None:
    state.turn(target=fit_target(st.session_state[TARGET]))


def _stand_in(scene: Scene, words: Words) -> None:
    """Where the reader's story cannot write, say so and who does; a button makes that the story."""
    other = writing.writer(scene)
    if other == scene:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        story, stand_in = (words(f"shell.stories.{s.model}") for s in (scene, other))
        shell.say(words("generate.stand_in", story=story, other=stand_in), "stand-in")
    right.button(words("generate.switch"), key="switch", on_click=state.show, args=(other,), width="stretch")


scene, words = shell.open_page("generate")
comparison.elsewhere(scene, words)
_stand_in(scene, words)
play(words)
loss(words)
shell.close_page("generate", words, generate, Distribution, multiplications, read_stream, cross_entropy)
