"""Generate: a text writes itself on, one token at a time, and every draw can be looked at, bent and gone on from."""

from __future__ import annotations

from html import escape
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
from ui.live import live_figure

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
    with st.container(key="generate-step-pictures"), live_figure.together("generate-step"):
        look = {"title": words("generate.draw"), "on_click": knobs.force}
        figure.picture(draw.choices, scene, words, key="generate-choices", height=draw.height(scene, text), **look)
        with st.container(key="generate-knobs"):
            knobs.knobs(scene, text, words)
        _votes(scene, words)
        _inside(scene, text, words)
    explanation.draw("generate", words)


def _votes(scene: Scene, words: Words) -> None:
    """Which part of the model, and which word, gave the token that was taken its logit."""
    title, refused = live_figure.heading(words("generate.votes.title")), votes.refused(scene)
    live_figure.write(title + (live_figure.saying(words(refused)) if refused else ""), key="generate-voters")
    for builder in () if refused else (votes.votes, votes.sources):
        figure.picture(builder, scene, words, key=f"generate-{builder.__name__}", height=votes.height(scene))


def _inside(scene: Scene, text: Writing, words: Words) -> None:
    """Two looks into the machine at this step."""
    title = words("generate.lens.title")
    if not lens.readable(scene):
        none = live_figure.saying(words("generate.lens.none"))
        live_figure.write(live_figure.heading(title) + none, key="generate-lens-none")
    elif on_demand.ready(LENS, scene, title, words, "generate-lens-asked"):
        rows = min(continuation.ROWS, len(text.ids) + continuation.reached(scene, text) - 1)
        figure.picture(lens.lens, scene, words, key="generate-lens", height=lens.height(rows), title=title)
    title, height = words("generate.ledger.title"), cache.height(scene, words)
    figure.picture(cache.ledger, scene, words, key="generate-ledger", height=height, title=title)
    title = words("generate.recheck.title")
    if scene.config.causal and on_demand.ready(CHECK, scene, title, words, "generate-recheck-asked"):
        live_figure.write(live_figure.saying(cache.check(scene, words)), key="generate-recheck")


@st.fragment
def loss(words: Words) -> None:
    """A real text judged: token by token, the mean, perplexity, and the simplified squared error."""
    TWO.in_step(whole=True)
    scene = continuation.writer(state.scene())
    with st.container(key="generate-judged"), live_figure.together("generate-judged"):
        live_figure.write(live_figure.heading(words("generate.loss.title")), key="generate-judge")
        with st.container(key="generate-target"):
            knobs.target(scene, words)
            shell.notices(words, "long_target")
        title = words("generate.loss.arithmetic")
        if not on_demand.ready(JUDGE, scene, title, words, "generate-judging"):
            comes = f'<p class="fibra-about">{escape(words("shell.comes"))}</p>'
            live_figure.write(comes, key="generate-unjudged")
        elif found := losses.judged(scene):
            figure.picture(losses.losses, scene, words, key="generate-loss", height=losses.HEIGHT)
            lines = arithmetic.listed(losses.lines(found, words), words)
            live_figure.write(live_figure.heading(title) + lines, key="generate-arithmetic")
        else:
            live_figure.write(live_figure.saying(losses.nothing(scene, words)), key="generate-unjudged")


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
