"""The Attention page: every map is the trace's own array, and every sentence and sum is true of it."""

from __future__ import annotations

import re
from html import unescape
from math import exp, sqrt

import numpy as np
import plotly.graph_objects as go
import pytest

from core import Scene
from core import run as run_of
from core.scene.fields import EXPLAINED
from pictures import attention as pictures
from pictures import chosen_cell, extremes, heads, left_out, one_head, worksheet
from pictures.arithmetic import added, summed
from pictures.explained.naming import title
from pictures.explained.page_world import world
from pictures.words import LANGUAGES, words_of
from plots.theme import resolve
from tests.support import fine, knob, open_page
from ui.state import SCENE

SCENES = [
    Scene(),
    Scene(temperature=0.3, query=2, key=4),
    Scene().override(causal=True, scale=False),
    Scene(model="encoder", layer=1, head=3),
    Scene(model="encoder_full", sentence="a a b <b>c</b> $d$", query=4, key=2),
    Scene(model="gpt", sentence="o gato viu o rato e fugiu porque tinha medo", layer=3, head=2, query=8, key=5),
    Scene(model="gpt", sentence="um dois", ablated=((0, 0),)),
    Scene(model="gpt", sentence="x").override(positions="rotary"),
    Scene(model="gpt", sentence="olá 👩‍🏫!", split="characters"),
    Scene(model="penguins", edits=((4, 2, 1.0),), query=2, key=4),
]
TWO = [
    Scene(model="translator", attention_of=kind, layer=1, head=1, query=1) for kind in ("encoder", "decoder", "cross")
]
MAPS = {
    "scores": pictures.scores,
    "scores_scaled": pictures.scaled,
    "scores_masked": pictures.masked,
    "pattern": pictures.pattern,
    "z": pictures.output,
}


def array(scene: Scene, name: str) -> np.ndarray:
    """The chosen head's array, straight from a fresh run."""
    layer, head = scene.place
    return run_of(scene).trace[f"blocks.{layer}.attn.{name}"][head]


def shown(figure: dict) -> np.ndarray:
    """The numbers of a map after Plotly has validated them; a masked cell is blank."""
    return np.asarray(go.Figure(resolve(figure, "light")).data[0].z, np.float64)


def numbers(text: str) -> list[float]:
    return [float(n.replace("−", "-").replace(",", ".")) for n in re.findall(r"−?\d+[.,]\d+", text)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_every_map_is_the_trace(scene, lang):
    words = words_of(lang)
    for name, builder in MAPS.items():
        picture = builder(scene, words)
        expected = array(scene, name).astype(float)
        np.testing.assert_allclose(shown(picture.figure), np.where(np.isneginf(expected), np.nan, expected), rtol=1e-6)
        assert picture.says and "{" not in picture.says
    x = run_of(scene).trace[one_head.input_name(scene)]
    np.testing.assert_allclose(shown(pictures.inputs(scene, words).figure), x, rtol=1e-6)
    for name, builder in (("q", pictures.queries), ("k", pictures.keys), ("v", pictures.values)):
        expected = array(scene, one_head.rotated(scene, name))
        np.testing.assert_allclose(shown(builder(scene, words).figure), expected, rtol=1e-6)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_the_arithmetic_is_that_of_the_arrays(scene, lang):
    """From the two vectors to the weight: each line's terms, recomputed here, give its value; the text shows both."""
    words = words_of(lang)
    q, k = (array(scene, one_head.rotated(scene, n)).astype(float) for n in "qk")
    query, key = scene.cell
    score = float(q[query] @ k[key])
    lines = {line.name: line for line in chosen_cell.cell(scene, words)}

    dot = lines["dot"]
    np.testing.assert_allclose(dot.terms, np.r_[q[query], k[key]], rtol=1e-6)
    assert dot.value == pytest.approx(score, rel=1e-4, abs=1e-5)
    expected = score / sqrt(q.shape[-1]) if scene.config.scale else score
    assert ("scale" in lines) == scene.config.scale
    if scene.config.scale:
        assert lines["scale"].value == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert ("mask" in lines) == scene.config.causal
    row = array(scene, "scores_masked")[query].astype(float)
    np.testing.assert_allclose(lines["softmax"].terms, row, rtol=1e-6)
    assert ("T" in lines["softmax"].formula or "ᵀ" in lines["softmax"].formula) == (scene.temperature != 1)
    assert (f"/{words.number(scene.temperature)}" in lines["softmax"].numbers) == (scene.temperature != 1)
    exponentials = [exp((s - row.max()) / scene.temperature) for s in row]
    assert lines["softmax"].value == pytest.approx(exponentials[key] / sum(exponentials), rel=1e-4, abs=1e-7)
    assert lines["softmax"].value == pytest.approx(array(scene, "pattern")[query, key], rel=1e-6)
    for line in lines.values():
        thousands, point = (".", ",") if words.comma else (",", ".")
        written = line.result.replace("−", "-").replace(thousands, "").replace(point, ".")
        assert written == "-∞" if line.value == -np.inf else float(written) == pytest.approx(line.value, abs=5.1e-5)


def test_the_products_are_written_out():
    """The penguins: every factor of "tem" . "pinguins", and every exponential of the row, is in the text."""
    lines = {line.name: line for line in chosen_cell.cell(Scene(), words_of("pt-BR"))}
    assert lines["dot"].numbers == "0,00·0,00 + 1,00·1,00 + 1,00·0,00 + 0,00·0,00"
    assert lines["dot"].result == "1,0000"
    assert numbers(lines["softmax"].numbers) == [0.5, 0.0, 0.5, 0.5, 1.0, 0.5]
    assert lines["softmax"].result == "0,1903"


def test_what_a_mask_hides_is_written_without_a_temperature():
    """Whatever minus infinity is divided by; and nothing of it is a link in a row where no score counts."""
    for scene in (Scene(model="gpt", temperature=2.0, query=1), Scene(model="gpt", off=("softmax",), query=1)):
        text = chosen_cell.cell(scene, words_of("en"))[-1].numbers
        assert text.count("e<sup>−∞</sup>") == 3 == text.count("∞"), text


def test_long_sums_keep_the_chosen_term():
    scene = Scene(model="gpt", sentence=" ".join("abcdefghijklmnopqrst"), query=19, key=18)
    text = next(line.numbers for line in chosen_cell.cell(scene, words_of("en")) if line.name == "softmax")
    row = array(scene, "scores_masked")[19]
    assert f"{row[18]:.4f}".replace("-", "−") in text.split("÷")[1]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", [*SCENES, Scene(model="alice"), *TWO], ids=str)
def test_every_number_of_the_cell_is_a_link_to_its_explanation(scene, lang):
    """A number, what its link opens, and what its title calls it: all one."""
    words, run = words_of(lang), world("attention", scene, words_of(lang))
    read = chosen_cell.html(scene, words)
    links = re.findall(r'<a href="\?explained=(.*?)" data-way="(.*?)" (?:class="(.*?)" )?title="(.*?)">(.*?)</a>', read)
    assert len(links) >= 6 and read.count("<a ") == len(links)
    for href, way, role, called, text in links:
        (number,) = EXPLAINED.read(way)
        assert href == way and run.has(number)
        assert unescape(called) == title(number, run, words)
        assert role == {"q": "query", "k": "key"}.get(number[0].rpartition(".")[2].removeprefix("rot_"), "")
        value = run.value(number)
        assert text == (words.number(value, 2) if role else "−∞" if value == -np.inf else words.number(value, 4))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_cell_of_words_that_stand_there_twice_says_which(lang):
    words = words_of(lang)
    scene = Scene(sentence="tem gato tem gato", query=2, key=1)
    query, key = extremes.choice(scene.tokens, 2, words), extremes.choice(scene.tokens, 1, words)
    assert "2" in query and "1" in key
    for told in (chosen_cell.html(scene, words), worksheet.worksheet("attention", scene, words, 1).decode()):
        assert f"{query} → {key}" in re.sub("<[^>]+>", "", told)


def test_tokens_are_never_markup():
    scene = Scene(sentence="<script>alert(1)</script> <b>x</b>", query=0, key=1)
    for lang in LANGUAGES:
        assert "<script>" not in chosen_cell.html(scene, words_of(lang))
        assert "&lt;script&gt;" in chosen_cell.html(scene, words_of(lang))


def test_reading_names_the_row_like_the_lesson():
    """The design's own reading: "tem" looks most at itself (0.31), then equally at pinguins, não and joelho (0.19)."""
    assert pictures.pattern(Scene(), words_of("en")).says == (
        "“tem” looks most at itself (0.31), then at “pinguins”, “não” and “joelho” (0.19), and least at “Os” (0.12)."
    )
    assert pictures.pattern(Scene(), words_of("pt-BR")).says == (
        "“tem” olha mais para si (0,31), depois para “pinguins”, “não” e “joelho” (0,19), e menos para “Os” (0,12)."
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("model", ("penguins", "gpt"))
def test_without_the_softmax_the_arithmetic_counts_all_in_sight_alike(model, lang):
    scene = Scene(model=model, off=("softmax",))
    line = chosen_cell.cell(scene, words_of(lang))[-1]
    query, key = scene.cell
    in_sight = query + 1 if scene.config.causal else len(scene.tokens)
    assert line.name == "alike" and line.value == pytest.approx(1 / in_sight)
    assert [s for s in line.terms if np.isfinite(s)] == [0.0] * in_sight
    assert line.value == pytest.approx(array(scene, "pattern")[query, key], rel=1e-6)


def test_a_cell_s_share_of_what_is_shown_is_written_out():
    scene = Scene(model="induction", layer=1, head=1, without_first=True, rows_renormalized=True)
    line, (query, key) = chosen_cell.cell(scene, words_of("en"))[-1], scene.cell
    row = array(scene, "pattern")[query]
    assert line.name == "renormalized" and line.value == pytest.approx(row[key] / row[1:].sum(), rel=1e-5)
    for other in (scene.turn(key=0), scene.turn(rows_renormalized=False)):
        assert chosen_cell.cell(other, words_of("en"))[-1].name == "softmax", "nothing is divided there"


@pytest.mark.parametrize("builder", (*pictures.MATRICES, heads.overview, heads.chosen), ids=lambda one: one.__name__)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_which_tokens_are_hidden_is_said_also_of_numbers_that_are_lost(builder, lang):
    exploded = Scene(model="gpt", layer=11).override(n_layers=12, residual=False, norm="none", init="unit")
    for scene in (exploded, exploded.turn(layer=0)):
        words = words_of(lang)
        shown, hiding = (builder(scene.turn(without_first=some), words).says for some in (False, True))
        hidden = words("shell.left_out.cells", n=1, tokens=f"“{scene.tokens[0]}”").removesuffix(".")
        assert hidden in hiding and hidden not in shown


def test_what_is_left_of_each_row_by_hand():
    """Three rows give the first token all, nothing, and a quarter of what they have."""
    scene, words = Scene(model="induction", sentence="pi ka tu", without_first=True), words_of("en")
    a = np.array([[[1.0, 0, 0], [1, 0, 0], [0, 0.5, 0.5]], [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0, 1, 0]]])
    shares = np.array([[[0, 0], [0.5, 0.5]], [[1 / 3, 2 / 3], [1, 0]]])
    assert left_out.renormalized(a, scene) == pytest.approx(shares)
    hidden = left_out.hidden(a, scene)
    assert not hidden[:, 0].any() and not hidden[:, :, 0].any() and (hidden[:, 1:, 1:] == a[:, 1:, 1:]).all()
    nothing = scene.turn(without_first=False)
    assert left_out.renormalized(a, nothing) is a is left_out.hidden(a, nothing)
    assert [left_out.kept(scene.turn(sentence=text)).tolist() for text in ("pi ka", "pi ka tu")] == [
        [True, True],
        [False, True, True],
    ]
    assert left_out.whole(scene) == scene and left_out.whole(scene.pin()) == scene.pin().turn(without_first=False)
    divided = scene.turn(rows_renormalized=True)
    for shown, kept in ((left_out.on_map(a, scene), a[:, 1:, 1:]), (left_out.on_map(a, divided), shares)):
        assert np.isnan(shown[:, 0]).all() and np.isnan(shown[:, :, 0]).all()
        assert shown[:, 1:, 1:] == pytest.approx(kept)
    whole = nothing.turn(rows_renormalized=True)
    names = [left_out.weights_name("pattern", one) for one in (divided, scene, whole)]
    assert names == ["renormalized.pattern", "pattern", "pattern"]
    assert "between 0.00 and 1.00" in left_out.told_of_rows(a, scene, words)
    alike = np.array([[[1.0, 0, 0], [0.25, 0.25, 0.5], [0.25, 0.75, 0]]])
    assert "adds up to 0.75" in left_out.told_of_rows(alike, scene, words)
    assert "but for 1 row that gives" in left_out.told_of_rows(a, divided, words)
    assert "again." in left_out.told_of_rows(a[1:], divided, words) and not left_out.told_of_rows(a, whole, words)


@pytest.mark.parametrize("page", ("attention", "heads"))
def test_what_maps_hide_is_the_reader_s_choice_but_not_beside_what_is_pinned(page):
    scene = Scene(model="induction", without_first=True)
    at = fine(open_page(page, scene))
    knob(at.toggle, "knob-rows_renormalized").set_value(True)
    assert fine(at.run()).session_state[SCENE].rows_renormalized
    beside = fine(open_page(page, scene.pin()))
    assert not any("without_first" in (toggle.key or "") for toggle in beside.toggle)


@pytest.mark.parametrize("always", [0, 3, 6, 11])
def test_a_long_sum_is_written_with_its_first_terms_and_the_one_that_is_asked_for(always):
    for n in range(1, 13):
        text = summed(n, lambda i: f"t{i}", min(always, n - 1))
        assert text == added([f"t{i}" for i in range(n)], min(always, n - 1))
        *written, last = text.split(" + ")
        places = [int(term[1:]) for term in (written if last == "…" else [*written, last])]
        assert (last == "…") == (len(places) < n), "an ellipsis stands for the rest, where there is one"
        assert places == sorted({*places, min(always, n - 1)}) and {*range(min(n, 6))} <= {*places}
        assert len(places) == n if n <= 8 else len(places) <= 7


def test_a_figure_is_as_high_as_the_page_keeps_free_and_gives_each_token_a_line() -> None:
    """Of few tokens, of some and of many: each has a layout of its own."""
    words = words_of("en")
    for n in (1, 2, 8, 9, 24, 25, 40):
        scene = Scene(model="gpt", sentence=" ".join(f"w{i}" for i in range(n)))
        assert pictures.length(n) == ("few" if n <= 8 else "some" if n <= 24 else "many")
        for builder in (*pictures.MATRICES, *pictures.VECTORS, pictures.output):
            height, hero = builder(scene, words).figure["layout"]["height"], builder is pictures.pattern
            is_matrix = builder in pictures.MATRICES
            assert height == (pictures.matrix_height(n, hero) if is_matrix else pictures.vectors_height(n))
            assert height >= 60 + 13 * n or (n > (8 if is_matrix else 24) and not hero), (
                "a longer text is read in softmax's map, or enlarged"
            )
            assert height <= 70 + (40 if is_matrix else 22) * max(n, 5), "and has no more room than it needs"


def test_numbers_of_a_vector_are_listed_as_a_reader_writes_them() -> None:
    words, few = words_of("en"), np.linspace(-1, 1, 8)
    assert pictures.listed(few, words).count(".") == 8 and "…" not in pictures.listed(few, words)
    assert pictures.listed(np.append(few, 7.0), words) == pictures.listed(few, words).replace("]", " …]")
    assert pictures.listed(np.array([0.5, -9999.4, 12345.0, -3e7]), words).split("  ") == [
        *("[0.50", "−9,999.40", "1.2\u00a0×\u00a010⁴", "−3.0\u00a0×\u00a010⁷]")
    ]
