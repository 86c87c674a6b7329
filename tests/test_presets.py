"""From preset to preset: the reader's own sentence stays, what was altered does not; what is said of a preset is so."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core import PRESETS, Scene
from core.scene.switch import with_model
from pictures.words import LANGUAGES, words_of
from tests.support import knob, labelled, open_page
from ui.state import SCENE


def page(name: str, **query: str) -> AppTest:
    return open_page(name, query)


def about(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html") if "fibra-about" in element.proto.body)


@pytest.mark.parametrize("model", PRESETS)
def test_a_story_keeps_the_sentence_and_the_view_and_runs_as_it_opens(model):
    scene = Scene(
        model="gpt", sentence="o gato viu o rato", draw_temperature=0.5, query=2, threshold=0.3, task="addition"
    )
    scene = scene.override(n_layers=6).switch(norm=False)
    scene = scene.turn(temperature=2.0, ablated=((0, 1),), edits=((0, 0, 1.0),), cut=((0, 0, 1, 0),))
    opened, cut = with_model(scene, model)
    assert cut is None and opened == Scene(
        model=model, sentence="o gato viu o rato", draw_temperature=0.5, query=2, threshold=0.3, task="addition"
    )
    own = Scene(model=model).text
    assert with_model(Scene(model="gpt", sentence=own), model)[0].sentence == "", "the preset's own words are no one's"


def test_the_list_and_the_button_do_the_same():
    query = {"lang": "en", "sentence": "o gato viu o rato", "heat": "0.5"}
    by_list = page("generate", **query)
    labelled(by_list.selectbox, "shell.preset").set_value("stories").run()
    by_button = page("generate", **query)
    by_button.button(key="switch").click().run()
    assert not by_list.exception and not by_button.exception
    assert (
        by_list.session_state[SCENE]
        == by_button.session_state[SCENE]
        == with_model(Scene.from_query(query)[0], "stories")[0]
    )
    assert knob(by_list.text_input, "knob-sentence").value == "o gato viu o rato"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_said_of_a_story_is_so(lang):
    words = words_of(lang)
    told = {
        "penguins": [{}],
        "known": [{"sentence": "joelho não tem pinguins"}],
        "drawn": [{"sentence": "o gato tem joelho"}, {"split": "characters"}],
    }
    for kind, queries in told.items():
        key = "shell.about.penguins" if kind == "penguins" else f"shell.about_{kind}"
        for query in queries:
            assert words(key) in about(page("drift", lang=lang, **query)), query
    edited = about(page("drift", lang=lang, edits="0.0:2"))
    assert f"{words('shell.about.penguins')} {words('shell.about_edited')}" in edited
    opens = words("shell.about_opens", about=words("shell.about.encoder"))
    assert opens in about(page("drift", lang=lang, model="encoder", residual="1"))
    assert opens not in about(page("drift", lang=lang, model="encoder", seed="3"))


def test_the_page_that_another_story_writes_says_nothing_of_drawn_embeddings():
    unknown = words_of("en")("shell.unknown", n=4, tokens="o, pinguim, come, peixe")
    query = {"lang": "en", "sentence": "o pinguim come peixe"}
    assert unknown in about(page("drift", **query))
    assert unknown not in about(page("generate", **query))


ONE_WORD = {
    "penguins": {"en": "A new word got an embedding drawn", "pt-BR": "Uma palavra nova recebeu um embedding sorteado"},
    "stories": {"en": "has never read this word; to it", "pt-BR": "nunca leu esta palavra, que para ele"},
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("model", ONE_WORD)
def test_of_one_word_that_the_model_does_not_know_nothing_is_told_as_of_several(model, lang):
    one = about(page("drift", lang=lang, model=model, sentence="tatu"))
    two = about(page("drift", lang=lang, model=model, sentence="tatu robô"))
    assert ONE_WORD[model][lang] in one and ONE_WORD[model][lang] not in two
