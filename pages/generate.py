"""Generate: a text writes itself on, one token at a time, and every draw can be looked at, bent and gone on from."""

from __future__ import annotations

from math import inf

import streamlit as st

from core import Distribution, Scene, Writing, cross_entropy
from core.generate.loop import generate, multiplications, write_on
from core.interpret import direct_attribution, read_stream, residual_stages, source_attribution
from pictures import arithmetic, continuation
from pictures.explained.runs import JUDGED
from pictures.generate import cache, draw, lens, votes
from pictures.generate import loss as losses
from pictures.words import Words
from ui import comparison, explanation, figure, on_demand, shell, state
from ui.fragments import Fragments
from ui.generate import knobs, loop_strip

TWO = Fragments("generate", (JUDGED,))
LENS = on_demand.Work("generate.lens", lens.read_rows, lens.parts, lens.cost, lens.known, most=lambda: inf)
JUDGE = on_demand.Work("generate.loss", losses.judged, losses.parts, losses.cost, losses.judged.has, most=lambda: inf)
CHECK = on_demand.Work("generate.recheck", cache.both_ways, cache.parts, cache.cost, cache.both_ways.has)


def loop(words: Words) -> None:
    """The text so far, the loop, the draw and its knobs; what each layer would say, and what the cache saved."""
    TWO.in_step(whole=False)
    scene = continuation.writer(state.scene())
    text = continuation.written(scene)
    if text is None:
        for title in ("draw", "lens.title", "ledger.title"):
            shell.say(words(f"generate.{title}"), "step")
            shell.say(words("generate.broken"))
        return
    st.html(loop_strip.texts(scene, text, words) + loop_strip.strip(scene, text, words))
    knobs.walk(scene, text, words)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        shell.say(words("generate.draw"), "step")
        height = draw.height(scene, text)
        figure.picture(draw.choices, scene, words, key="generate-choices", height=height, on_click=knobs.force)
    with right:
        knobs.knobs(scene, text, words)
    _votes(scene, words)
    _inside(scene, text, words)
    explanation.draw("generate", words)


def _votes(scene: Scene, words: Words) -> None:
    """Which part of the model, and which word, gave the token that was taken its logit."""
    shell.say(words("generate.votes.title"), "step")
    if refused := votes.refused(scene):
        shell.say(words(refused))
        return
    pictures = zip(st.columns(2, gap="medium"), (votes.votes, votes.sources), strict=True)
    for column, builder in pictures:
        with column:
            key = f"generate-{builder.__name__}"
            figure.picture(builder, scene, words, key=key, height=votes.height(scene))


def _inside(scene: Scene, text: Writing, words: Words) -> None:
    """Two looks into the machine at this step."""
    left, right = st.columns(2, gap="medium")
    with left:
        if not lens.readable(scene):
            shell.say(words("generate.lens.title"), "step")
            shell.say(words("generate.lens.none"))
        elif on_demand.ready(LENS, scene, words("generate.lens.title"), words):
            shell.say(words("generate.lens.title"), "step")
            rows = min(continuation.ROWS, len(text.ids) + continuation.reached(scene, text) - 1)
            figure.picture(lens.lens, scene, words, key="generate-lens", height=lens.height(rows))
    with right:
        shell.say(words("generate.ledger.title"), "step")
        figure.picture(cache.ledger, scene, words, key="generate-ledger", height=cache.height(scene, words))
        if scene.config.causal and on_demand.ready(CHECK, scene, words("generate.recheck.title"), words):
            shell.say(cache.check(scene, words))


@st.fragment
def loss(words: Words) -> None:
    """A real text judged: token by token, the mean, perplexity, and the simplified squared error."""
    TWO.in_step(whole=True)
    scene = continuation.writer(state.scene())
    left, right = st.columns(2, gap="medium")
    with left:
        shell.say(words("generate.loss.title"), "step")
        knobs.target(scene, words)
        shell.notices(words, "long_target")
        if ready := on_demand.is_ready(JUDGE, scene):
            found = losses.judged(scene)
            if found is None:
                shell.say(losses.nothing(scene, words))
                return
            figure.picture(losses.losses, scene, words, key="generate-loss", height=losses.HEIGHT)
        else:
            shell.say(words("shell.comes"), "about")
    with right:
        if ready and found:
            shell.say(words("generate.loss.arithmetic"), "step")
            st.html(arithmetic.listed(losses.lines(found, words), words))
        elif on_demand.ready(JUDGE, scene, words("generate.loss.arithmetic"), words):  # another reader's was, just now
            st.rerun()


def page(scene: Scene, words: Words) -> None:
    comparison.elsewhere(scene, words)
    knobs.stand_in(scene, words)
    TWO.begin()
    knobs.CLOCK.enter()
    knobs.CLOCK.play(loop, words)
    loss(words)


shell.Page(
    "generate",
    page,
    (
        write_on,
        Distribution,
        generate,
        multiplications,
        direct_attribution,
        source_attribution,
        read_stream,
        residual_stages,
        cross_entropy,
    ),
    beats=knobs.CLOCK.runs,
    reads=continuation.writer,
).open()
