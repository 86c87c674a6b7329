"""The Generate page: its numbers against a generation of their own, its knobs, and what it says where it cannot."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html import unescape
from itertools import pairwise
from math import exp, log

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

import core
from core import PRESETS, Scene, limits
from core.generate.loop import multiplications
from core.interpret import logit_lens
from core.weights.stored import Stored
from pictures import ablation, compute, continuation, drift, extremes, heads, memory, stacks
from pictures.generate import cache, draw, lens, loss, votes
from pictures.words import words_of
from plots import theme
from plots.figure import literal
from tests.chromium import settled
from tests.support import ONE_STACK, fine, knob, labelled, open_page, pressed, slices_done
from tests.support import html as html_of
from ui import state
from ui.generate import knobs, loop_strip

LANGUAGES = ("en", "pt-BR")
HOSTILE = "<b>bold</b> $x$ **md** {0} @query 👩‍👩‍👧 שלום"
STORIES = Scene(model="stories")
SCENES = {
    "stories": STORIES,
    "cut": Scene(model="stories", draw_temperature=0.7, top_k=7, top_p=0.8, tokens_written=3),
    "greedy": Scene(model="stories", draw_temperature=0.0, max_new_tokens=5),
    "forced": Scene(model="stories", forced=((9, 17), (12, 3)), tokens_written=4),
    "forced and cut": Scene(model="stories", forced=((9, 17),), top_k=1, tokens_written=3),
    "induction": Scene(model="induction", tokens_written=1),
    "noise": Scene(model="gpt"),
    "characters": Scene(model="gpt", split="characters", sentence="um dois"),
    "one word": Scene(model="gpt", sentence="um", max_new_tokens=1),
    "64 words": Scene(model="gpt", sentence=" ".join(f"w{i % 40}" for i in range(64))),
    "hostile": Scene(model="gpt", sentence=HOSTILE, target=HOSTILE),
    "unmasked": Scene(model="gpt", off=("mask",)),
    "no residual": Scene(model="gpt", off=("residual",)),
    "no W_O, an ablated head, an edit": Scene(model="gpt", off=("W_O",), ablated=((0, 1),), edits=((0, 3, 5.0),)),
    "judged": Scene(model="stories", target="a foca dorme no gelo."),
}
BROKEN = Scene(model="gpt").override(init="unit", norm="none", residual=False, n_layers=12, d_model=256, d_mlp=1024)


def steps_of(scene: Scene, **changes) -> list:
    """A generation of the test's own, from ids and nothing else of the page."""
    run = core.run(scene)
    n = min(len(scene.tokens), run.config.n_ctx - 1)
    knobs = dict(temperature=scene.draw_temperature, top_k=scene.top_k, top_p=scene.top_p, seed=scene.draw_seed)
    knobs |= dict(
        max_new_tokens=min(scene.max_new_tokens, run.config.n_ctx - n), forced=dict(scene.forced), cache=False
    )
    return [
        *core.generate(
            run.params, scene.whole, embeddings=run.embeddings[:n], interventions=scene.interventions, **knobs | changes
        )
    ]


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


# ------------------------------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_pictures_are_figures_in_both_themes(name: str, lang: str) -> None:
    scene, words = SCENES[name], words_of(lang)
    builders = [draw.choices, cache.ledger]
    builders += [lens.lens] if lens.readable(scene) else []
    builders += [loss.losses] if loss.judged(scene) else []
    for builder in builders:
        picture = builder(scene, words)
        assert picture.says and not re.search(r"\b(nan|inf)\b", picture.says, re.IGNORECASE)
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


@pytest.mark.parametrize("name", [n for n in SCENES if n not in ("64 words",)])
def test_bars_are_the_distribution(name: str) -> None:
    scene, words = SCENES[name], words_of("en")
    steps = steps_of(scene)
    step = steps[(scene.tokens_written or len(steps)) - 1]
    before, after, _ = go.Figure(theme.resolve(draw.choices(scene, words).figure, "light")).data
    d, ids = step.distribution, draw.candidates(continuation.looked_at(scene, continuation.written(scene)))
    logits = d.logits.astype(np.float64)
    plain = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(before.x, plain[ids], rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(after.x, d.tempered[ids], rtol=2e-4, atol=1e-7)
    faded = [colour == "rgba(93, 101, 119, 0.28)" for colour in after.marker.color]
    assert faded == [not d.final[token] > 0 for token in ids]
    assert step.token in ids and ids[0] == int(np.argmax(logits))


def test_the_sentence_under_the_bars_by_hand() -> None:
    scene, words = SCENES["cut"], words_of("en")
    step = steps_of(scene)[2]
    d, token = step.distribution, core.PRESETS["stories"].tokenizer.tokens[step.token]
    says = draw.choices(scene, words).says
    assert f"“{token}” was drawn" in says
    assert f"{d.n_kept} of 418 tokens stay" in says and d.n_kept <= 7
    left = 100 * d.tempered[d.order[: d.n_kept]].sum()
    assert f"had {left:.0f}% together" in says


@pytest.mark.parametrize("name", ["stories", "forced", "noise", "induction", "no W_O, an ablated head, an edit"])
def test_the_lens_is_each_stage_through_the_unembedding(name: str) -> None:
    scene, words = SCENES[name], words_of("en")
    text = continuation.written(scene)
    tops, shares, first = lens.read(scene, text)
    x = text.embedded(continuation.reached(scene, text) - 1)
    trace = core.forward(text.params, scene.whole, embeddings=x, interventions=scene.interventions)
    logits = logit_lens(trace, text.params, scene.whole).astype(np.float64)[:, first:]
    assert np.array_equal(tops, logits.argmax(-1).T)
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(shares, (1 / exponentials.sum(-1)).T, rtol=1e-4)
    last = continuation.looked_at(scene, text).distribution
    assert tops[-1, -1] == last.order[0], "the last stage is the model's own"
    figure, name = go.Figure(theme.resolve(lens.lens(scene, words).figure, "light")), continuation.names(scene, words)
    assert figure.data[0].z.shape == tops.shape and "%{text}" in figure.data[0].hovertemplate
    called = [[unescape(word) for word in row] for row in figure.data[0].text]
    assert called == [[unescape(literal(name(token))) for token in row] for row in tops.tolist()]


def test_the_ledger_is_the_work_that_was_done() -> None:
    scene = replace(STORIES, tokens_written=5)
    steps = steps_of(scene, cache=True)
    map_, plain, spent = go.Figure(theme.resolve(cache.ledger(scene, words_of("en")).figure, "light")).data
    for row, step in zip(np.asarray(map_.z), steps, strict=True):
        assert np.flatnonzero(row == 1).tolist() == [*step.work.new]
        assert np.flatnonzero(row == 0).tolist() == [*step.work.reused]
    assert [*spent.x] == [step.work.multiplications for step in steps]
    assert [*plain.x] == [step.work.without_cache for step in steps]
    work = steps[4].work
    says = cache.ledger(scene, words_of("en")).says
    assert f"those of {len(work.reused)} read" in says
    assert f"{work.without_cache / work.multiplications:.1f} times fewer" in says


def test_the_check_runs_both_ways() -> None:
    """And a writing that was tampered with is found out."""
    assert "12 of 12 tokens are the same" in cache.check(STORIES, words_of("en"))
    cached, plain = core.write(STORIES), core.write(STORIES, cache=False)
    logits, tokens = [s.distribution.logits for s in plain.steps], [s.token for s in plain.steps]
    found = cache.agreement(cached, np.array(logits), tokens)
    assert (found.same, found.n) == (12, 12) and 0 <= found.apart < 1e-4 < found.size
    assert found.saved == sum(s.work.without_cache for s in cached.steps) / sum(
        s.work.multiplications for s in cached.steps
    )
    spoilt = np.array(logits)
    spoilt[2, 7] += 5
    tokens[2] += 1
    found = cache.agreement(cached, spoilt, tokens)
    assert found.same == 11 and found.apart == pytest.approx(5, rel=1e-4)


def test_a_large_model_s_text_is_computed_again_in_one_run(monkeypatch) -> None:
    words, forced = words_of("en"), ((len(STORIES.tokens) + 3, 5),)
    scene = replace(STORIES, forced=forced, draw_temperature=1.5, top_k=40)
    steps = [replace(scene, tokens_written=n) for n in (1, 7)]
    monkeypatch.setattr(limits, "LARGE", 10**9)
    alone = [lens.read(step, continuation.written(step)) for step in steps]
    monkeypatch.setattr(limits, "LARGE", 1)
    memory.BUDGET.clear()
    text = continuation.written(scene)
    logits = np.array([s.distribution.logits for s in core.write(scene, cache=False).steps])
    assert cache.drawn(text, logits) == [step.token for step in text.steps]
    turned = cache.drawn(text, -logits)
    assert turned[3] == 5 and sum(a == b.token for a, b in zip(turned, text.steps, strict=True)) < 3
    says = cache.check(scene, words)
    assert says.startswith("The text was computed once more without the cache") and "12 of 12 tokens come out" in says
    for step, (tops, shares, first) in zip(steps, alone, strict=True):
        here = lens.read(step, text)
        assert np.array_equal(here[0], tops) and np.allclose(here[1], shares, rtol=1e-4) and here[2] == first
    memory.BUDGET.clear()


def test_of_a_large_model_one_run_of_the_context_writes_is_judged_and_read(monkeypatch) -> None:
    """Whatever was let go meanwhile, and whichever other text came between."""
    scene, other = replace(STORIES, draw_temperature=1.5), replace(STORIES, draw_seed=3)
    alone = loss.judged(scene), [lens.read(one, continuation.written(one)) for one in (scene, other)]
    monkeypatch.setattr(limits, "LARGE", 1)
    memory.BUDGET.clear()
    looked, forward = [], core.forward
    for module in (sys.modules["core.scene.run"], sys.modules["core.generate.loop"], core):
        monkeypatch.setattr(module, "forward", lambda *a, **k: looked.append(len(k["embeddings"])) or forward(*a, **k))
    for lost in ((), (continuation._known,), (continuation._written, loss.judged), (continuation._stages, loss.judged)):
        for shelf in lost:
            shelf.cache.clear()
        found = loss.judged(scene)
        np.testing.assert_allclose(found.surprises, alone[0].surprises, rtol=1e-4, atol=1e-5)
        assert found.mean == pytest.approx(alone[0].mean) and found.squared == pytest.approx(alone[0].squared)
        for one, (tops, shares, first) in zip((scene, other), alone[1], strict=True):
            here = lens.read(one, continuation.written(one))
            assert np.array_equal(here[0], tops) and np.allclose(here[1], shares, rtol=1e-4) and here[2] == first
        if not lost:
            assert sum(n > 1 for n in looked) == 1
    memory.BUDGET.clear()


def test_of_a_large_model_a_step_on_reads_one_row_of_the_lens(monkeypatch) -> None:
    monkeypatch.setattr(limits, "LARGE", 1)
    memory.BUDGET.clear()
    rows, read = [], lens.read_likeliest
    monkeypatch.setattr(lens, "read_likeliest", lambda x, *about: rows.append(x.shape[1]) or read(x, *about))
    for n in (12, 11, 12, 3):
        scene = replace(STORIES, tokens_written=n, max_new_tokens=20)
        lens.read(scene, continuation.written(scene))
    assert rows == [12, 1, 6], "the last 12 places; one before them; and those of the context that were not read"
    other = replace(STORIES, tokens_written=12, max_new_tokens=20, forced=((len(STORIES.tokens) + 8, 5),))
    lens.read(other, continuation.written(other))
    assert rows[3:] == [3], "of another text what follows the token that is another"
    memory.BUDGET.clear()


def test_of_a_large_model_the_lens_comes_after_the_other_pictures(monkeypatch) -> None:
    """By itself, some rows after others; and a step on, whose one row is read soon, at once."""
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene = STORIES.turn(lang="en", tokens_written=9)
    says, none = lens.lens(scene, words_of("en")).says, lens.cost(scene)
    monkeypatch.setattr(limits, "LARGE", 1)
    memory.BUDGET.clear()
    whole = lens.cost(scene)
    assert none == 0 and whole == 12 * 3 * scene.config.d_model * scene.config.vocab_size
    monkeypatch.setattr(limits, "SOON", whole / 12)
    at = fine(open_page("generate", scene))
    assert says not in html_of(at)
    assert not any(button.key == "ask-generate.lens" for button in at.button)
    assert not any(lens.known(*part) for part in lens.parts(scene)), "the page is drawn first"
    assert says in html_of(slices_done(at, "generate.lens", lens.read_rows))
    assert all(lens.known(*part) for part in lens.parts(scene)) and lens.cost(scene) == 0
    on = scene.turn(tokens_written=10)
    assert lens.cost(on) == whole / 12 and not lens.known(*lens.parts(on)[-1])
    assert lens.lens(on, words_of("en")).says in html_of(fine(open_page("generate", on)))
    memory.BUDGET.clear()


def test_of_a_large_model_a_long_text_is_judged_after_the_other_pictures(monkeypatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene, words = STORIES.turn(lang="en"), words_of("en")
    says, judged = loss.losses(scene, words).says, loss.judged(scene)
    monkeypatch.setattr(limits, "LARGE", 1)
    memory.BUDGET.clear()
    rows = len(judged.surprises)
    stored = isinstance(compute.params(scene)["embed.W_E"], Stored)
    assert loss.cost(scene) == (rows + 50 * stored) * scene.config.d_model * scene.config.vocab_size
    of_target = scene.turn(target="a foca dorme no gelo.")
    assert loss.cost(of_target) > loss.cost(scene) and not loss.judged.has(of_target)
    monkeypatch.setattr(limits, "SOON", 0)
    at = fine(open_page("generate", scene))
    assert says not in html_of(at) and words("shell.comes") in html_of(at) and not loss.judged.has(scene)
    assert not any(button.key == "ask-generate.loss" for button in at.button)
    done = html_of(slices_done(at, "generate.loss", loss.judged))
    assert says in done and words("shell.comes") not in done
    memory.BUDGET.clear()


def test_a_large_model_s_text_is_computed_again_when_it_is_asked_for(monkeypatch) -> None:
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    words = words_of("en")
    assert cache.cost(STORIES) <= limits.ABLATIONS
    says, c = cache.check(STORIES, words), STORIES.config
    runs = [multiplications(c, n, n) for n in range(len(STORIES.tokens), len(STORIES.tokens) + 12)]
    assert cache.cost(STORIES) == sum(runs), "a run for every token"
    for large in (limits.LARGE, 1):
        monkeypatch.setattr(limits, "LARGE", large)
        monkeypatch.setattr(limits, "ABLATIONS", 10**10)
        assert cache.cost(STORIES) <= limits.ABLATIONS
        monkeypatch.setattr(limits, "ABLATIONS", 1000)
        assert cache.cost(STORIES) > limits.ABLATIONS
    unread = (len(STORIES.tokens) - 1) * c.d_model * c.vocab_size  # logits of all but its last word and those written
    assert cache.cost(STORIES) == runs[-1] - unread + ablation.widened(STORIES), "the longest of them alone"
    memory.BUDGET.clear()
    at = fine(open_page("generate", STORIES.turn(lang="en")))
    assert says not in html_of(at) and not cache.both_ways.cache.entries
    assert "12 of 12 tokens come out the same" in html_of(pressed(at, "ask-generate.recheck"))
    memory.BUDGET.clear()


def test_of_a_large_vocabulary_the_likeliest_are_kept_and_the_pictures_are_the_same(monkeypatch) -> None:
    """Also where a token is forced that is not among them, and where the cuts fall."""
    words, place = words_of("en"), len(STORIES.tokens)
    forced = ((place + 1, int(core.write(STORIES).steps[1].distribution.order[300])),)
    knobs = ({}, {"top_k": 3}, {"top_k": 200, "top_p": 0.9}, {"draw_temperature": 0.0}, {"forced": forced})
    scenes = [replace(STORIES, tokens_written=2, **knob) for knob in knobs]
    builders = (draw.choices, cache.ledger, lens.lens)
    whole = [[compute.encode(build(scene, words), words) for build in builders] for scene in scenes]
    strips = [loop_strip.strip(scene, continuation.written(scene), words) for scene in scenes]
    memory.BUDGET.clear()
    monkeypatch.setattr(limits, "UPLOAD_VOCABULARY", 100)
    assert [[compute.encode(build(scene, words), words) for build in builders] for scene in scenes] == whole
    assert [loop_strip.strip(scene, continuation.written(scene), words) for scene in scenes] == strips
    text = continuation.written(STORIES)
    assert memory.weigh([step.distribution for step in text.steps]) < len(text.steps) * 40_000
    with pytest.raises(KeyError):
        text.steps[0].distribution.plain[int(core.write(STORIES).steps[0].distribution.order[-1])]
    memory.BUDGET.clear()


@pytest.mark.parametrize("target", ["", "a foca dorme no gelo."])
def test_the_loss_is_the_mean_surprise(target: str) -> None:
    scene = replace(STORIES, target=target)
    found = loss.judged(scene)
    whole = core.PRESETS["stories"].tokenizer.encode(f"{scene.text} {target}".strip())
    first = len(scene.tokens) if target else 1
    logits = core.forward(core.PRESETS["stories"].learned, scene.config, whole.ids)["logits"].astype(np.float64)
    logits, ids = logits[first - 1 : -1], whole.ids[first:]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    surprises = -np.log(p[np.arange(len(ids)), ids])
    assert found.tokens == whole.tokens[first:]
    np.testing.assert_allclose(found.surprises, surprises, rtol=1e-4, atol=1e-5)
    assert found.mean == pytest.approx(surprises.mean(), rel=1e-5)
    assert found.perplexity == pytest.approx(exp(surprises.mean()), rel=1e-4)
    assert found.squared == pytest.approx(np.mean((logits - np.eye(418)[ids]) ** 2), rel=1e-5)
    assert found.ceiling == log(418)
    bars = go.Figure(theme.resolve(loss.losses(scene, words_of("en")).figure, "light")).data[0]
    names = [line["text"] for line in loss.losses(scene, words_of("en")).figure["layout"]["annotations"]]
    mean = words_of("en")("generate.loss.mean_line", value=f"{loss.judged(scene).mean:.2f}")
    assert names[0] == f"━ {mean}"
    np.testing.assert_allclose(bars.y, surprises, rtol=1e-4, atol=1e-5)
    lines = {line.name: line for line in loss.lines(found, words_of("en"))}
    assert lines["cross_entropy"].result == f"{surprises.mean():.4f}"
    assert lines["perplexity"].result == f"{exp(surprises.mean()):.2f}"
    column = loss.losses(scene, words_of("en")).numbers.place(("judged.surprise.logits", (first + 1,)))
    assert (column["x0"] + column["x1"], column["y0"], column["y1"]) == (2 * 2, 0, 1), "the third bar, as high as all"
    assert lines["ceiling"].value == pytest.approx(log(418) - surprises.mean(), rel=1e-4)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_training_never_asks_for_is_not_judged(lang: str) -> None:
    """A new sequence's first time cannot be foretold; nor when it begins again."""
    words, scene = words_of(lang), Scene(model="induction")
    found = loss.judged(scene)
    assert scene.tokens[:6] == ("pi", "ka", "tu", "le", "mo", "pi")
    assert (found.first, found.tokens) == (6, scene.tokens[6:]) and found.perplexity < 1.1
    says = loss.losses(scene, words).says
    assert words("generate.says.loss_from", place=6) in says and words("generate.says.loss_unasked") not in says
    never = scene.turn(sentence="ba be bi bo")
    found = loss.judged(never)
    assert (found.first, found.asked) == (1, False)
    assert words("generate.says.loss_unasked") in loss.losses(never, words).says
    target = never.turn(target="da de")
    assert loss.judged(target).tokens == ("da", "de") and loss.judged(target).asked
    assert words("generate.says.loss_unasked") not in loss.losses(STORIES, words).says


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_loss_of_any_size_is_written(lang: str) -> None:
    words = words_of(lang)

    def judged(*surprises: float) -> loss.Judged:
        return loss.Judged(
            ("a", *"bcd"[: len(surprises)]), np.array(surprises), float(np.mean(surprises)), 1e30, 9, 1, True
        )

    exploded = judged(3e20, 1.0)
    lines = {line.name: line for line in loss.lines(exploded, words)}
    assert lines["perplexity"].result.startswith("> ") and "10³⁰⁴" in lines["perplexity"].result
    assert "10²⁰" in lines["cross_entropy"].result and max(map(len, loss._says(exploded, words).split())) < 20
    assert words("generate.says.loss_alike", surprise=words.number(2)) in loss._says(judged(2, 2.001), words)
    tied = words("generate.says.loss_worst", tokens=words.several(["“b”", "“d”"]), n=2, surprise=words.number(3))
    assert tied in loss._says(judged(3, 1, 3), words)
    assert words("generate.says.loss_only", token="b", surprise=words.number(3)) in loss._says(judged(3), words)
    for place in (1, 2, 5):
        said = loss._says(replace(judged(3, 1), text=tuple("abcdefg"[: place + 2]), first=place), words)
        assert (words("generate.says.loss_from", place=place) in said) == (place > 1)
        assert f"“{'abcdefg'[place]}”" in said, "the one that surprises most, by its place in the whole text"
    squared = next(line for line in loss.lines(judged(3, 1), words) if line.name == "squared")
    assert squared.terms[0] / (2 * 9) == pytest.approx(squared.value), "over each number of each row"
    assert squared.numbers.endswith(f" ÷ {words.number(2 * 9, 0)}") and f"({2} · {9})" in squared.formula
    for mean, key in ((log(9) - 0.19, "near"), (log(9) - 0.21, "below"), (log(9) + 0.21, "above")):
        gap = words.number(abs(log(9) - mean))
        assert words(f"generate.says.loss_{key}", gap=gap, n=9) in loss._says(judged(mean), words)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", [*SCENES.values(), STORIES.turn(draw_temperature=0.0, tokens_written=2)], ids=str)
def test_the_draw_is_told_as_it_was(scene: Scene, lang: str) -> None:
    """Rank, both shares and the rest, counted one by one."""
    words, text = words_of(lang), continuation.written(scene)
    step = continuation.looked_at(scene, text)
    plain, tempered = (x.astype(float).tolist() for x in (step.distribution.plain, step.distribution.tempered))
    mine = plain[step.token]
    values = {"rank": 1 + sum(p > mine * 1.000001 for p in plain), "own": draw.share(mine, words)}
    values |= {"drawn": draw.share(float(step.distribution.final[step.token]), words)}
    values |= {"token": f"“{continuation.names(scene, words)(step.token)}”"}
    key = "forced" if step.forced else "drawn" if scene.draw_temperature else "greedy"
    says = draw.choices(scene, words).says
    assert says.startswith(words(f"generate.says.{key}", **values))
    if step.distribution.n_kept == len(plain) > 10:
        shown = draw.candidates(step)
        rest = 1 - sum(tempered[i] for i in shown)
        told = draw.share(rest if rest > 1e-7 else 0.0, words)
        left = {"n": len(plain) - len(shown), "share": told, "tempered": scene.draw_temperature != 1}
        assert words("generate.says.rest", **left) in says


@pytest.mark.parametrize("lang", LANGUAGES)
def test_tokens_as_likely_as_one_another_are_said_to_be(lang: str) -> None:
    words = words_of(lang)
    step = steps_of(STORIES, max_new_tokens=1, temperature=0.0)[0]
    even = np.zeros(418, np.float32)
    even[7] = 1e-7
    tie = replace(step, forced=False, token=7, distribution=replace(step.distribution, logits=even))
    told = words("generate.says.greedy_tie", n=418, own=draw.share(1 / 418, words), token="x").partition("x")[0]
    assert draw._says(STORIES.turn(draw_temperature=0.0), tie, words).startswith(told.partition("“")[0])
    assert {"en": "(rank 1)", "pt-BR": "(1º lugar)"}[lang] in draw._says(STORIES, tie, words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_only_nothing_is_no_percent_and_only_all_is_a_hundred(lang: str) -> None:
    words = words_of(lang)
    shares = [0, 1e-9, 0.0004, 0.0006, 0.002, 0.0994, 0.5, 0.994, 0.9951, 0.9999, 1]
    told = ["0%", "< 0.1%", "< 0.1%", "0.1%", "0.2%", "9.9%", "50%", "99%", "99.5%", "> 99.9%", "100%"]
    assert [draw.share(x, words) for x in shares] == [x.replace(".", "," if words.comma else ".") for x in told]
    assert draw.share(0.4953, words, fine=True) == words.number(49.5, 1) + "%"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_lens_says_from_which_layer_on(lang: str) -> None:
    """Layers count from 0; a layer's answer counts only if every later one keeps it."""
    words, came = words_of(lang), np.zeros((1, 4), bool)
    shares = np.full((1, 4), 0.002)
    for tops, key, layer in (([5, 5, 5, 5], "start", -1), ([5, 4, 5, 5], "layer", 1), ([5, 5, 5, 4], "last", 2)):
        says = lens._says(np.array([tops]), shares, came, ["x"], str, words)
        values = {"token": str(tops[-1]), "after": "x", "share": draw.share(0.002, words)}
        assert says == words(f"generate.says.lens_{key}", layer=layer, last=2, n=3, **values)
        came[0, 2] = True
        assert says != lens._says(np.array([tops]), shares, came, ["x"], str, words)
        came[0, 2] = False
    figure = lens.lens(SCENES["noise"], words).figure
    titles = [words("generate.lens.start"), *(words("generate.lens.after", i=i) for i in range(4))]
    assert [*figure["layout"]["xaxis"]["ticktext"]] == titles


@pytest.mark.parametrize("lang", LANGUAGES)
def test_one_and_many_agree(lang: str) -> None:
    """One new token after one word: no "1 tokens", no "1.0 times fewer"."""
    words, scene = words_of(lang), SCENES["one word"].turn(max_new_tokens=1)
    for says in (cache.ledger(scene, words).says, cache.check(scene, words)):
        assert "1 tokens" not in says and "1 layers" not in says and "1 posições" not in says
    assert words.number(1, 1) not in cache.check(scene, words)
    html = loop_strip.strip(STORIES.turn(tokens_written=2), continuation.written(STORIES), words)
    assert "1 novos" not in html and ("1 novo," in html) == (lang == "pt-BR")


def test_an_untrained_model_knows_nothing() -> None:
    for lang, near in (
        ("en", "equally likely: 0.09 from ln 1,000"),
        ("pt-BR", "igualmente prováveis: a 0,09 de ln 1.000"),
    ):
        assert near in loss.losses(Scene(model="gpt"), words_of(lang)).says
    assert "less surprised" in loss.losses(STORIES, words_of("en")).says


def test_one_token_has_nothing_to_judge() -> None:
    assert loss.judged(Scene(model="gpt", sentence="um")) is None
    assert loss.judged(Scene(model="gpt", sentence="um", target="dois")).tokens == ("dois",)
    assert loss.judged(SCENES["64 words"].turn(target="mais")) is None, "there is no room for it"


# ----------------------------------------------------------------------------------------------------------- the HTML


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_the_loop_shows_this_step(name: str, lang: str) -> None:
    scene, words = SCENES[name], words_of(lang)
    text = continuation.written(scene)
    step, called = continuation.looked_at(scene, text), continuation.names(scene, words)
    html = loop_strip.strip(scene, text, words)
    assert html.count("<li ") == 5
    shown = text_of(html)
    assert called(step.token) in shown
    assert f"{len(step.work.new)} × {scene.config.d_model} → {scene.config.vocab_size}" in shown
    if not step.forced and scene.draw_temperature:
        chance = step.distribution.chance(step.position)
        assert words.number(chance) in shown and f"left:{100 * chance:.2f}%" in html


def test_shades_are_probabilities() -> None:
    scene, words = replace(STORIES, tokens_written=7), words_of("en")
    steps = steps_of(scene)[:7]
    html = loop_strip.text_so_far(scene, continuation.written(scene), words)
    shades = [float(p) for p in re.findall(r"--p:([\d.]+)", html)]
    np.testing.assert_allclose(shades, [step.probability for step in steps], atol=6e-4)
    assert "5 to go" in text_of(html)
    assert [core.PRESETS["stories"].tokenizer.tokens[step.token] for step in steps] == [
        word for word in re.findall(r'--p:[\d.]+">([^<]+)<sub>', unescape(html))
    ]


def test_tokens_are_never_markup() -> None:
    scene, words = SCENES["hostile"], words_of("en")
    text = continuation.written(scene)
    html = loop_strip.strip(scene, text, words) + loop_strip.text_so_far(scene, text, words)
    assert "<b>bold" not in html and "&lt;b&gt;bold&lt;/b&gt;" in html


def test_unknown_ids_have_a_name_in_each_language() -> None:
    scene = Scene(model="gpt", sentence="um dois")
    ids = scene.encoding.ids.tolist()
    for lang, name in (("en", "#7"), ("pt-BR", "#7")):
        called = continuation.names(scene, words_of(lang))
        assert [called(i) for i in ids] == ["um", "dois"] and called(7) == name


# ------------------------------------------------------------------------------------------------------------ the page


def page(scene: Scene) -> AppTest:
    return open_page("generate", scene)


def scene_of(at: AppTest) -> Scene:
    return at.session_state["fibra.scene"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_page_runs(name: str, lang: str) -> None:
    at = page(SCENES[name].turn(lang=lang, forced=SCENES[name].forced))
    assert not at.exception, at.exception[0].value
    assert "fibra-loop" in html_of(at)


@pytest.mark.parametrize("model", [name for name, p in PRESETS.items() if not p.config.unembed])
def test_a_story_without_logits_is_stood_in_for(model: str) -> None:
    at = page(Scene(model=model, lang="en", draw_temperature=0.5, tokens_written=4))
    assert not at.exception and scene_of(at).model == model
    assert "Small-world stories, trained” writes here" in html_of(at)
    assert "fibra-loop" in html_of(at)
    at.button(key="switch").click().run()
    assert not at.exception
    assert scene_of(at) == Scene(model="stories", lang="en", draw_temperature=0.5, tokens_written=4)
    assert "writes here" not in html_of(at)


def test_numbers_that_explode_are_said_to() -> None:
    at = page(BROKEN.turn(lang="en"))
    assert not at.exception
    assert "nothing to draw from" in html_of(at)


def test_step_back_and_the_number_of_tokens() -> None:
    at = page(Scene(model="stories", lang="en"))
    assert not at.button(key="generate-step").disabled and not at.button(key="generate-back").disabled
    at.button(key="generate-back").click().run()
    assert scene_of(at).tokens_written == 11
    knob(at.slider, "knob-tokens_written").set_value(1).run()
    assert at.button(key="generate-back").disabled
    at.button(key="generate-step").click().run()
    assert scene_of(at).tokens_written == 2
    knob(at.slider, "knob-max_new_tokens").set_value(20).run()
    assert (scene_of(at).max_new_tokens, scene_of(at).tokens_written) == (20, None)
    assert not at.exception


def test_the_knobs_of_the_draw() -> None:
    at = page(Scene(model="stories", lang="en"))
    named = {name: labelled(at.select_slider, f"generate.{name}") for name in ("top_k", "top_p")}
    named["top_k"].set_value(3).run()
    labelled(at.select_slider, "generate.top_p").set_value(0.5).run()
    heat = labelled(at.select_slider, "generate.heat")
    heat.set_value(0.0).run()
    at.button(key="generate-again").click().run()
    scene = scene_of(at)
    assert (scene.top_k, scene.top_p, scene.draw_temperature, scene.draw_seed) == (3, 0.5, 0.0, 1)
    labelled(at.select_slider, "generate.top_k").set_value(1000).run()
    labelled(at.select_slider, "generate.top_p").set_value(1.0).run()
    assert (scene_of(at).top_k, scene_of(at).top_p) == (None, None)
    assert not at.exception


def test_a_forced_token_makes_two_texts_and_can_be_taken_back() -> None:
    at = page(Scene(model="stories", lang="en", forced=((9, 17),), tokens_written=6))
    html = html_of(at)
    assert html.count('class="fibra-text"') == 2 and "With your token" in html
    at.button(key="generate-undo").click().run()
    assert scene_of(at).forced == () and html_of(at).count('class="fibra-text"') == 1


def test_a_continuation_is_judged() -> None:
    at = page(Scene(model="stories", lang="en"))
    knob(at.text_input, "knob-target").set_value("a  foca\ndorme " + "x" * 400).run()
    assert not at.exception
    assert scene_of(at).target.startswith("a foca dorme x") and len(scene_of(at).target) == 160


def test_play_begins_anew_at_the_end_and_stops() -> None:
    at = page(Scene(model="stories", lang="en"))
    at.button(key="generate-play").click().run()
    assert not at.exception and scene_of(at).tokens_written == 1
    at.button(key="generate-stop").click().run()
    assert not at.exception and "generate.playing" not in at.session_state
    assert at.button(key="generate-play")


# ---------------------------------------------------------------------------------------------------------- a journey


def open_generate(watched, app: str, query: str) -> Page:
    tab = watched.at(app, f"/generate?{query}")
    tab.wait_for_selector("[data-figure=generate-choices] [data-drawn]")
    settled(tab)
    return tab


def test_a_token_can_be_forced_by_keyboard_from_a_list_of_the_bars() -> None:
    scene = Scene(model="stories", lang="en", tokens_written=3)
    at = page(scene)
    step = continuation.written(scene).steps[2]
    bars = draw.candidates(step)
    (other,) = [box for box in at.selectbox if box.label == "Put another token here"]
    assert len(other.options) == len({*other.options}) == len(bars) and other.index == bars.index(step.token)
    wanted = next(i for i, token in enumerate(bars) if token != step.token)
    other.select_index(wanted).run()
    assert scene_of(at).forced == ((step.position, bars[wanted]),)
    (other,) = [box for box in at.selectbox if box.label == "Put another token here"]
    assert other.index == draw.candidates(continuation.written(scene_of(at)).steps[2]).index(bars[wanted])


# How many tokens are written, each time that this changes from now on. A busy server may pass over a beat.
COUNTS = """() => {
  const count = () => document.querySelectorAll(".fibra-text .new").length;
  const counts = (window.fibraCounts = []);
  let last = count();
  new MutationObserver(() => {
    const now = count();
    if (now && now !== last) counts.push((last = now));
  }).observe(document.body, { childList: true, subtree: true });
}"""


@pytest.mark.browser
def test_play_writes_to_the_end_and_a_bar_can_be_forced(watched, app) -> None:
    tab = open_generate(watched, app, "lang=en&model=stories&max_new_tokens=4")
    assert tab.locator(".fibra-loop").bounding_box()["y"] < 500
    tab.evaluate(COUNTS)
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function("window.fibraCounts.at(-1) === 4")
    expect(tab.get_by_role("button", name="Play")).to_be_visible()
    counts = tab.evaluate("window.fibraCounts")
    assert counts == sorted({*counts}) and counts[0] < 4, "from the first tokens on, one after the other"
    tab.get_by_role("button", name="Back").click()
    tab.get_by_role("button", name="Back").click()
    expect(tab.locator(".fibra-text .new")).to_have_count(2)
    bars = tab.locator("[data-figure=generate-choices] .nsewdrag").first
    bars.scroll_into_view_if_needed()
    box = bars.bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.95)  # the last bar
    expect(tab.locator(".fibra-text")).to_have_count(2)
    expect(tab.locator(".fibra-text").first.locator(".new.forced")).to_have_count(1)
    expect(tab).to_have_url(re.compile(r"forced=9\.\d+"))


BOXES = """() => [...document.querySelectorAll("[data-figure=generate-lens] .textpoint text")]
  .map((text) => text.getBoundingClientRect()).map(({ left, right, top }) => [Math.round(top), left, right])"""


@pytest.mark.browser
def test_words_of_the_lens_stand_beside_one_another_and_as_many_as_have_room(watched, app) -> None:
    tab = open_generate(watched, app, "lang=en&model=gpt&n_layers=12&max_new_tokens=8")
    tab.locator("[data-figure=generate-lens]").scroll_into_view_if_needed()
    there = []
    for width in (1440, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        settled(tab)
        tab.locator("[data-figure=generate-lens]").scroll_into_view_if_needed()
        tab.wait_for_timeout(1000)
        boxes = sorted(tab.evaluate(BOXES))
        assert all(one[2] <= other[1] + 1 for one, other in pairwise(boxes) if abs(one[0] - other[0]) < 3), boxes
        there.append(len(boxes))
    assert there[0] == 13 * 12 > there[1] > 12


@pytest.mark.browser
def test_leaving_while_it_plays_leaves_nothing_behind(watched, app) -> None:
    tab = open_generate(watched, app, "lang=en&model=stories&max_new_tokens=30")
    tab.get_by_role("button", name="Play").click()
    tab.locator(".fibra-text .new").nth(2).wait_for()  # a busy machine may pass over the moment when it has three
    tab.get_by_role("link", name="Drift", exact=True).click()
    expect(tab.locator("h1.fibra-title")).to_have_text("Drift")
    tab.wait_for_timeout(2500)
    expect(tab.locator("h1.fibra-title")).to_have_text("Drift")


def test_words_that_borrow_a_token_keep_their_names():
    scene = Scene(
        model="induction",
        sentence="gato rato pato gato rato pato gato",
        draw_temperature=0.0,
        max_new_tokens=3,
        lang="en",
    )
    text = continuation.written(scene)
    assert continuation.spelled(scene, text, 3, words_of("en"))[7:] == ["rato", "pato", "gato"]
    says = draw.choices(scene.turn(tokens_written=1), words_of("en")).says
    assert "rato" in says and "po" not in says.replace("pato", "").split()


def test_the_unknown_word_has_a_name_in_each_language():
    scene = Scene(model="stories")
    unknown = scene.preset.tokenizer.tokens.index("<unknown>")
    assert [continuation.names(scene, words_of(lang))(unknown) for lang in LANGUAGES] == ["<unknown>", "<desconhecido>"]
    off = Scene(model="translator", ablated=tuple((i, h, "cross") for i in (0, 1) for h in range(4)))
    words = words_of("pt-BR")
    assert "<desconhecido> (posição 2)" in extremes.choices(stacks.read(off), words)
    for picture in (drift.drift(off, words), heads.overview(off.turn(attention_of="decoder"), words)):
        shown = f"{picture.says} {picture.figure}"
        assert "desconhecido" in shown and "unknown" not in shown


def test_step_writes_one_token_more_where_all_are_written():
    at = page(Scene(model="stories", max_new_tokens=3, lang="en"))
    at.button(key="generate-step").click().run()
    assert not at.exception and (scene_of(at).max_new_tokens, scene_of(at).tokens_written) == (4, None)


def test_what_played_does_not_play_by_itself_when_its_page_is_entered_again():
    at = page(Scene(model="stories", lang="en"))
    at.button(key="generate-play").click().run()
    assert knobs.CLOCK.playing in at.session_state
    at.session_state["fibra.page"] = "drift"
    at.run()
    assert not at.exception and knobs.CLOCK.playing not in at.session_state


def test_two_plays_in_a_row_are_two_moves():
    at = page(Scene(model="stories", max_new_tokens=6, tokens_written=1, lang="en"))
    for end in (3, 5):
        at.button(key="generate-play").click().run()
        while scene_of(at).tokens_written < end:
            at.session_state[knobs.CLOCK.playing] = 0.0  # it is time
            at.run()
        at.button(key="generate-stop").click().run()
        assert not at.exception and (scene_of(at).tokens_written, scene_of(at).forced) == (end, ())
    for before in (3, 1):
        at.button(key="undo").click().run()
        assert scene_of(at).tokens_written == before


def test_numbers_that_explode_are_told_at_every_picture_and_stop_the_clock():
    at = page(Scene(model="gpt", lang="en"))
    at.button(key="generate-play").click().run()
    at.session_state[state.SCENE] = BROKEN.turn(lang="en")
    at.session_state[knobs.CLOCK.playing] = 0.0
    at.run()
    assert not at.exception and html_of(at).count(words_of("en")("generate.broken")) == 3
    assert knobs.CLOCK.playing not in at.session_state


@pytest.mark.parametrize("model", [name for name in ONE_STACK if PRESETS[name].config.unembed])
def test_the_votes_add_up_to_the_logit_and_those_of_heads_by_word_to_theirs(model: str) -> None:
    """Within 1e-5; the bars follow one another, and the last one is the logit."""
    scene = Scene(model=model, tokens_written=2)
    token, parts, by_word = votes.attributed(scene)
    logit = continuation.looked_at(scene, continuation.text_of(scene)).distribution.logits[token]
    assert parts.total[-1] == pytest.approx(logit, abs=1e-5)
    for name, values in zip(by_word.names, by_word.values, strict=True):
        assert values.sum(-1) == pytest.approx(parts.values[parts.names.index(name)], abs=1e-5)
    for builder in (votes.votes, votes.sources):
        made = builder(scene, words_of("en"))
        go.Figure(theme.resolve(made.figure, "light"))
        (bars,) = made.figure["data"]
        starts, sizes = (np.asarray(bars[name], np.float64) for name in ("base", "x"))
        assert starts[1:-1] == pytest.approx((starts + sizes)[:-2], abs=1e-5) and starts[0] == starts[-1] == 0
        assert sizes[-1] == pytest.approx(sizes[:-1].sum(), abs=1e-4) and len(sizes) <= votes.PARTS + 3
    again = votes.sources(Scene(model=model, sentence="caranguejos " * 6 + "um", tokens_written=1), words_of("pt-BR"))
    named = again.figure["layout"]["yaxis"]["ticktext"]
    assert len({*named}) == len(named), "each says where it stands, however long it is"
    assert votes.refused(Scene(model="gpt", off=("residual",))) == "generate.votes.none" and not votes.refused(scene)
    large = Scene(model="gpt", sentence=" ".join("x" * 60)).override(n_layers=12, n_heads=16, d_model=256, d_mlp=1024)
    assert votes.refused(large) == "generate.votes.none_large" and continuation.is_long(large, 64)


@pytest.mark.parametrize("layers, heads", [(1, 1), (1, 4), (2, 4), (6, 8)])
def test_both_pictures_of_votes_have_the_room_of_the_one_with_more_bars(layers: int, heads: int) -> None:
    scene = Scene(model="gpt", sentence="a b", max_new_tokens=2).override(n_layers=layers, n_heads=heads, d_model=16)
    made = [builder(scene, words_of("en")) for builder in (votes.votes, votes.sources)]
    own = [one.figure["layout"]["height"] for one in made]
    rows = max(len(one.figure["data"][0]["x"]) for one in made)
    assert votes.height(scene) >= max(own)
    assert votes.height(scene) - max(own) <= 3 * max(own) / rows, "and hardly more than that"


def test_a_head_s_vote_has_the_colour_of_attention_and_the_others_that_of_the_stream():
    data = votes.votes(Scene(model="stories"), words_of("en")).figure
    names, colors = data["layout"]["yaxis"]["ticktext"], data["data"][0]["marker"]["color"]
    roles = dict(zip((name for name in names if "logit" not in name and "other" not in name), colors, strict=False))
    assert {role.partition("/")[0] for name, role in roles.items() if "head" in name} == {"@attention"}
    assert {role.partition("/")[0] for name, role in roles.items() if "head" not in name} == {"@residual"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_behind_a_bar_stands_its_share_or_what_cut_it(lang: str) -> None:
    words = words_of(lang)
    for cuts, cut in (({"top_k": 3}, "top_k"), ({"top_p": 0.05}, "top_p"), ({}, "")):
        scene = STORIES.turn(draw_temperature=1.0, tokens_written=1, **cuts)
        text = continuation.written(scene)
        step = continuation.looked_at(scene, text)
        kept = [token for token in draw.candidates(step) if step.distribution.final[token] > 0]
        notes = [draw._note(step, token, words) for token in draw.candidates(step)]
        for token, note in zip(draw.candidates(step), notes, strict=True):
            own = draw.share(float(step.distribution.final[token]), words)
            assert note == (own if token in kept else words(f"generate.cut.{cut}")), (cuts, note)
        assert (len(kept) < len(notes)) == bool(cut) and (cut != "top_k" or len(kept) == 3)
        figure = draw.choices(scene, words).figure
        rows = len(notes)
        assert draw.height(scene, text) >= 20 * rows and draw.height(scene, text) < 60 * rows
        assert abs(draw.height(scene, text) - figure["layout"]["height"]) <= 60


def test_of_many_parts_the_greatest_stand_alone_in_their_order_and_the_others_are_one_bar():
    words, names, roles = words_of("en"), [f"p{i}" for i in range(6)], [f"@{i}" for i in range(6)]
    values = np.array([0.5, -3.0, 0.25, 2.0, -0.5, 1.0])
    few, told, _ = votes._gathered(values, names, roles, 6, words)
    assert few is values and told == names and votes._kept(values, 6) == [*range(6)]
    shown, told, colours = votes._gathered(values, names, roles, 4, words)
    assert shown.tolist() == pytest.approx([-3.0, 2.0, 1.0, 0.25]) and shown.sum() == pytest.approx(values.sum())
    assert told == ["p1", "p3", "p5", words("generate.votes.others", n=3)] and colours == ["@1", "@3", "@5", "@muted"]
    numbers = [(f"vote.{name}", (0,)) for name in names]
    assert votes._shown(numbers, values, 4) == [numbers[1], numbers[3], numbers[5], None]
    assert votes._shown(numbers, values, 6) == numbers
    tied = np.array([1.0, -1.0, 1.0, 1.0])
    assert votes._kept(tied, 3) == [0, 1], "of those as great the first"


def test_a_bar_of_a_vote_is_explained_by_its_part(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(votes, "PARTS", 99)  # all of them alone
    scene = Scene(model="stories", tokens_written=1)
    token, parts, by_word = votes.attributed(scene)
    made = votes.votes(scene, words_of("en"))
    for row, name in enumerate(parts.names):
        bits = name.split(".")
        head = len(bits) == 4 and bits[2] == "attn" and bits[3].isdigit()
        number = (f"vote_head.blocks.{bits[1]}.attn.z", (int(bits[3]), token)) if head else (f"vote.{name}", (token,))
        assert made.numbers.at({"x": 0.0, "y": row}) == number
    last = parts.values.shape[1] - 1
    assert made.numbers.at({"x": 0.0, "y": len(parts.names)}) == ("logits", (last, token))
    brought = votes.sources(scene, words_of("en")).numbers
    keys = by_word.values.shape[1]
    assert [brought.at({"x": 0, "y": key}) for key in range(min(keys, votes.WORDS))] == [
        ("brought.logits", (key, token)) for key in range(keys)
    ][: votes.WORDS]


def test_where_the_logits_of_one_token_are_lost_a_text_is_not_judged(monkeypatch) -> None:
    scene = Scene(model="gpt", sentence="o gato viu o rato", seed=77)
    right = loss._logits(loss.joined(scene), slice(0, 4))
    assert loss.judged(scene) is not None
    for row, number in ((0, np.nan), (3, np.inf)):
        lost = np.array(right)
        lost[row, 2] = number
        monkeypatch.setattr(loss, "_logits", lambda whole, rows, lost=lost: lost)
        assert loss.judged(scene.turn(seed=78 + row)) is None
