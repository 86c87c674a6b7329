"""Generate: a text writes itself on, one token at a time, and every draw can be looked at, bent and gone on from."""

from __future__ import annotations

import ui  # noqa: F401  first, before anything brings NumPy: it says how many threads BLAS takes

# isort: split
from dataclasses import replace

import streamlit as st

from core import Distribution, Scene, Writing, cross_entropy
from core.generate import generate, multiplications
from core.interpret import read_stream
from core.sentence import fit_target, target_cut
from ui import arithmetic, comparison, controls, generating, loop, shell, show, state, stories, writing
from ui.pictures.generate import cache, draw, lens
from ui.pictures.generate import loss as losses
from ui.words import Words


def play(words: Words) -> None:
    """The loop, with a clock of its own while it plays."""
    running = generating.playing()
    st.fragment(_loop, run_every=generating.PACE if running else None)(words, running)


def _loop(words: Words, running: bool) -> None:
    """The text so far, the loop, the draw and its knobs; what each layer would say, and what the cache saved."""
    if generating.playing() != running:  # only the whole page sets or stops the clock
        st.rerun()
    if running:
        generating.tick()
    scene = writing.writer(state.scene())
    text = writing.written(scene)
    if text is None:
        for title in ("draw", "lens.title", "ledger.title"):
            shell.say(words(f"generate.{title}"), "step")
            shell.say(words("generate.broken"))
        return
    st.html(_texts(scene, text, words) + loop.strip(scene, text, words))
    generating.walk(scene, text, words, running)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        shell.say(words("generate.draw"), "step")
        height = draw.height(scene, text)
        show.picture(draw.choices, scene, words, key="generate-choices", height=height, on_click=generating.force)
    with right:
        generating.knobs(scene, text, words)
    _inside(scene, text, words)


def _texts(scene: Scene, text: Writing, words: Words) -> str:
    """What was written; beside it, where the reader forced a token, what would have been without."""
    if not any(step.forced for step in text.steps):
        return loop.continuation(scene, text, words)
    free = replace(scene, forced=())
    both = [loop.continuation(scene, text, words, words("generate.yours"))]
    if (own := writing.written(free)) is not None:  # without the forced token the numbers may explode
        both.append(loop.continuation(free, own, words, words("generate.own")))
    return f'<div class="fibra-texts">{"".join(both)}</div>'


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
        own = {"placeholder": words("generate.loss.own")}
        controls.text(words("generate.loss.target"), "target", scene.target, _retarget, **own)
        shell.notices(words, "long_target")
        found = losses.judged(scene)
        if found is None:
            shell.say(losses.nothing(scene, words))
            return
        show.picture(losses.losses, scene, words, key="generate-loss", height=losses.HEIGHT)
    with right:
        shell.say(words("generate.loss.arithmetic"), "step")
        st.html(arithmetic.listed(losses.lines(found, words), words))


def _retarget(typed: str) -> None:
    state.turn(target=fit_target(typed))
    if cut := target_cut(typed):
        state.notify(cut)


def _stand_in(scene: Scene, words: Words) -> None:
    """Where the reader's story cannot write, say so and who does; a button makes that the story."""
    other = writing.writer(scene)
    if other == scene:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left:
        story, stand_in = (words(f"shell.stories.{s.model}") for s in (scene, other))
        shell.say(words("generate.stand_in", story=story, other=stand_in), "stand-in")
    right.button(words("generate.switch"), key="switch", on_click=stories.tell, args=(other.model,), width="stretch")


scene, words = shell.open_page("generate", reads=writing.writer)
comparison.elsewhere(scene, words)
_stand_in(scene, words)
generating.enter()
play(words)
loss(words)
shell.close_page("generate", words, generate, Distribution, multiplications, read_stream, cross_entropy)
