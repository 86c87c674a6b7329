"""Every page runs alone, in both languages, and whatever the address or the reader holds against it."""

from __future__ import annotations

import json
import re
from unicodedata import normalize

import pytest
from streamlit.testing.v1 import AppTest

from core import PRESETS, Scene, limits
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests import support
from tests.support import fine, knob, labelled, open_page
from ui.state import NOTICES, SCENE

MODELS = [name for name in PAGES if PAGES[name].model]  # the pages that show the Scene's model


def page(name: str, **query: str) -> AppTest:
    return open_page(name, query)


def on_boards(at: AppTest) -> list[dict]:
    """The headers of all that stands on boards of figures: figures, and HTML among them."""
    found = []
    for element in at.get("bidi_component"):
        if data := element.proto.bytes:
            found += json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
    return found


def html(at: AppTest) -> str:
    written = [header["html"] for header in on_boards(at) if "html" in header]
    return "\n".join([support.html(at), *written])


def captions(at: AppTest) -> list[str]:
    """The sentences under the pictures: a live figure's is in the header of its message."""
    found = re.findall('<p class="fibra-says">(.+?)</p>', html(at))
    figures = [header for header in on_boards(at) if "html" not in header]
    assert all(header["caption"] for header in figures)
    return found + [header["alt"] for header in figures]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", MODELS)
def test_every_page_opens_on_the_penguins(name, lang):
    at = fine(page(name, lang=lang))
    assert at.session_state[SCENE] == Scene(lang=lang)
    assert knob(at.text_input, "knob-sentence").value == "Os pinguins não tem joelho"
    assert words_of(lang)(f"{name}.title") in html(at)
    assert words_of(lang)(f"{name}.lead") in html(at)
    assert captions(at) and all(captions(at)), "a sentence under every figure"
    labels = [part.label for kind in (at.toggle, at.slider, at.selectbox, at.button) for part in kind]
    assert not [label for label in labels if "{" in label], "every label is filled in"
    assert len(at.expander) + len(at.status), "the code that ran"  # 1.62 takes one with an icon for a status


@pytest.mark.parametrize("model", [*PRESETS][1:])
@pytest.mark.parametrize("name", MODELS)
def test_every_story_on_every_page(name, model):
    fine(page(name, model=model, lang="en"))


HOSTILE = {
    "unknown model": {"model": "gpt-17", "seed": "-1"},
    "huge numbers": {"seed": "9" * 400, "d_model": "999999999", "n_layers": "1e308", "temperature": "inf"},
    "not numbers": {"temperature": "nan", "layer": "x", "head": "1.5", "threshold": "٣", "stage": "_1", "solid": "yes"},
    "markup": {"model": "<script>alert(1)</script>", "lang": "$x$", "positions": "**bold**"},
    "edits": {"edits": "0.0:nan,9.9:1", "ablated": "99.99"},
    "sizes that do not fit": {"d_model": "10", "n_heads": "4"},
    "training": {"task": "sum", "size": "1e9", "rate": "inf", "batch": "0", "run_seed": "x", "moment": "-1"},
    "control characters": {"sentence": "a\x00b \x1b[31m c\u202e", "edits": "\x00"},
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_address_gets_defaults_and_one_notice(name, query):
    at = fine(page(name, lang="en", **{k: v for k, v in query.items() if k != "lang"}))
    if set(query) != {"sentence", "edits"}:
        assert html(at).count('class="fibra-notice"') == 1
    assert "<script>" not in html(at)
    assert all(n.field in html(at) for n in at.session_state[NOTICES])


SENTENCES = {
    "emoji": "👩‍🏫 ensina 🇧🇷 e 👍🏽",
    "combining": "e\u0301 a\u0300\u0301\u0302 n\u0303",
    "right to left": "שלום עולם مرحبا",
    "invisible": "a\u200b \u200d\u202e \u2066x\u2069 \u3164",
    "heaped marks": "a" + "\u0301" * 600,
    "families": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 👨🏽‍👩🏽‍👧🏽 한 می\u200cخ",
    "html": "<b>forte</b> <img src=x onerror=alert(1)> &amp;",
    "markdown": "**a** [b](c) $x^2$ :red[d] `e` # f :smile:",
    "one word": "pinguins",
    "the same word": "a a a a a a",
    "one long word": "x" * 700,
    "64 words": " ".join(f"p{i}" for i in range(64)),
}


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES.keys())
@pytest.mark.parametrize("name", MODELS)
def test_any_sentence_is_shown_literally(name, sentence):
    at = fine(page(name, model="gpt", sentence=sentence, lang="en"))
    assert at.session_state[SCENE].tokens[0] == normalize("NFC", sentence.split()[0])[: limits.SENTENCE_CHARACTERS]
    assert "<img" not in html(at) and "<b>forte" not in html(at)


@pytest.mark.parametrize("name", MODELS)
def test_a_long_sentence_is_cut_with_a_notice_that_says_how_much(name):
    at = fine(page(name, lang="en"))
    knob(at.text_input, "knob-sentence").set_value("palavra " * 10_000)
    fine(at.run())
    scene = at.session_state[SCENE]
    assert 0 < len(scene.tokens) <= limits.TOKENS
    assert words_of("en")("notice.cut", value=10000, right=len(scene.tokens)) in html(at)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("blank", ("", "   ", "\u2003"))
def test_a_blank_sentence_brings_back_the_story(lang, blank):
    at = page("attention", sentence="outra frase", lang=lang)
    knob(at.text_input, "knob-sentence").set_value(blank)
    fine(at.run())
    assert at.session_state[SCENE].text == "Os pinguins não tem joelho"
    assert words_of(lang)("notice.blank") in html(at)


def test_the_address_stands_still_while_a_knob_is_held():
    def app() -> None:
        import streamlit as st

        from ui import state
        from ui.live import range as ranges

        state.open_scene("attention")
        for turn in st.session_state.pop("turns", ()):
            st.session_state["k"] = {"turn": turn}
            ranges._turned("k", 36, lambda at: state.turn(seed=at))
        del st.session_state["k"]

    at = AppTest.from_function(app)
    at.session_state["k"] = None
    for stop, held, written in ((3, True, None), (4, False, "4")):
        turn = {"at": stop, "n": stop, "held": held, "grip": 1, "drawn": 1}
        at.session_state["k"], at.session_state["turns"] = None, [turn]
        at.session_state["k-drawn"] = 1, "attention", (), 0
        fine(at.run())
        assert at.session_state[SCENE].seed == stop
        assert at.query_params.get("seed") in (written, [written])  # a list in 1.62


def test_the_scene_is_in_the_address_and_comes_back_from_it():
    at = page("attention", lang="en")
    knob(at.text_input, "knob-sentence").set_value("um dois três")
    at.run()
    labelled(at.selectbox, "shell.preset").set_value("gpt").run()
    knob(at.text_input, "knob-sentence").set_value("um dois três").run()
    knob(at.toggle, "knob-causal").set_value(False).run()
    knob(at.number_input, "knob-seed").set_value(7).run()
    fine(at)
    query = {k: v[0] if isinstance(v, list) else v for k, v in dict(at.query_params).items()}
    assert query == {"model": "gpt", "sentence": "um dois três", "off": "mask", "seed": "7", "lang": "en"}
    assert fine(page("fibres", **query)).session_state[SCENE] == at.session_state[SCENE]


def test_turning_knobs_keeps_the_widgets_and_the_scene_together():
    at = page("attention", lang="en")
    labelled(at.select_slider, "attention.temperature").set_value(3.0).run()
    knob(at.toggle, "knob-scale").set_value(False).run()
    labelled(at.selectbox, "attention.query").set_value(0).run()
    scene = fine(at).session_state[SCENE]
    assert (scene.temperature, scene.config.scale, scene.query) == (3.0, False, 0)
    at.button(key="reset").click().run()
    assert fine(at).session_state[SCENE] == Scene(lang="en")
    assert labelled(at.select_slider, "attention.temperature").value == 1.0


@pytest.mark.parametrize("name", ["heads", "reading", "block"])
def test_a_page_with_little_to_show_says_so_and_leads_to_a_richer_story(name):
    at = page(name, lang="en")
    at.button(key="richer").click().run()
    fine(at)
    assert at.session_state[SCENE].model == "gpt" and "richer" not in [button.key for button in at.button]


@pytest.mark.parametrize(
    ("text", "comma", "number"),
    [
        ("2.5", False, 2.5),
        ("2,5", True, 2.5),
        ("2.5", True, 2.5),
        ("−0,25", True, -0.25),
        ("1.234,5", True, 1234.5),
        ("1,234.5", False, 1234.5),
        ("2,5", False, None),  # twenty-five, or two and a half?
        ("", True, None),
        ("dois", True, None),
    ],
)
def test_a_number_in_the_table_is_read_as_it_is_written(text, comma, number):
    from ui import table

    assert table.read_number(text, comma) == number


def test_the_table_edits_the_scene_and_names_a_bad_cell():
    at = page("attention", lang="en")
    at.toggle(key="edit-embeddings").set_value(True).run()
    fine(at)
    from ui import table

    tokens = at.session_state[SCENE].tokens
    assert table.read_edits({4: {"2": 1.0}}, (), tokens)[0] == ((4, 2, 1.0),)
    for bad in (None, float("nan"), float("inf"), "text", 1e9, True):
        edits, notices = table.read_edits({4: {"2": bad}, 0: {"0": 0.5}}, ((1, 1, 2.0),), tokens)
        assert edits == ((0, 0, 0.5), (1, 1, 2.0)), "the last good state stays"
        assert [(n.code, n.field, n.right) for n in notices] == [("cell", "joelho", "2")]
    (notice,) = table.read_edits({4: {"2": "<b>" * 100_000}}, (), tokens)[1]
    assert notice.value.startswith("<b><b>") and len(notice.value) < 100, "what is pasted is not repeated whole"


@pytest.mark.parametrize("name", MODELS)
def test_any_characters_are_shown_literally(name):
    sentence = "<b>&$ *a* \u202e\u0301שa👩‍👧"
    at = fine(page(name, model="gpt", split="characters", sentence=sentence, lang="en"))
    assert at.session_state[SCENE].tokens[-1] == "👩‍👧" and "<b>&$" not in html(at)
