"""Text as it enters: one form for what reads alike, measured before it is looked at; and as it is shown."""

from __future__ import annotations

import unicodedata
from time import process_time
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import core
from core import Scene, limits
from core.scene.sentence import fit_sentence, fit_target, target_cut
from core.tasks import Characters
from core.tokenizer.graphemes import clusters
from core.tokenizer.text import ENCODINGS, decoded, normalized
from core.tokenizer.words import FixedVocabulary, characters, pieces
from pictures import attention, chosen_cell
from pictures.words import words_of
from plots.tokens import isolated, short, shown, visible

MARKED = st.text("aã\u0303\u0327\u0301 \u00a0\u200d\u200c👩🇧🏽한ᄀ\u1161\u11a8क\u094dתﬁ\ufeff\r\nＡ", max_size=30)
SENTENCE = "As focas não estão à praia: é ação."


# --------------------------------------------------------------------------------------------------------- one form


@pytest.mark.parametrize("model", core.PRESETS)
@pytest.mark.parametrize("split", ("words", "characters"))
@pytest.mark.parametrize(
    "other",
    [
        normalize("NFD", SENTENCE),
        normalize("NFKD", SENTENCE),
        SENTENCE.replace(" ", "\u00a0"),
        SENTENCE.replace(" ", "\u202f"),
        "\ufeff" + SENTENCE,
    ],
    ids=("decomposed", "compatibly decomposed", "no-break", "narrow no-break", "mark of byte order"),
)
def test_the_same_text_in_another_form_is_the_same_scene(model, split, other):
    scene = Scene(model=model, split=split, sentence=SENTENCE)
    for found in (
        Scene(model=model, split=split, sentence=other),
        Scene.from_query({"model": model, "split": split, "sentence": other})[0],
        scene.turn(sentence=fit_sentence(other, split, model)[0]),
    ):
        assert found == scene and found.tokens == scene.tokens
        assert np.array_equal(found.encoding.ids, scene.encoding.ids)


def test_lines_end_in_one_way():
    for end in ("\r\n", "\r"):
        assert Scene(split="characters", sentence=end.join(("um", "dois", "três"))).tokens == tuple("um\ndois\ntrês")
        assert normalized(end.join("ab")) == "a\nb"
    assert Scene(model="stories", target="não").target == Scene(model="stories", target="na\u0303o").target


@pytest.mark.parametrize(
    ("drawn", "letters"),
    [("ﬁm", "fim"), ("ｆｏｃａ", "foca"), ("ﻣﺮﺣﺒﺎ", "مرحبا"), ("Å", "Å"), ("ｶﾞ", "ガ"), ("x² ½ ℝ …", "x² ½ ℝ …")],
)
def test_letters_stand_for_their_drawn_forms(drawn, letters):
    assert normalized(drawn) == normalized(letters) == letters


@given(st.text() | MARKED)
@example("a" + "\u0301\u0316" * 200)
def test_one_form_is_one_form(text):
    once = normalized(text)
    assert normalized(once) == once
    assert normalized(normalize("NFC", text)) == once or any(len(c) > 1024 for c in clusters(text))


@given(st.text() | MARKED | st.text("a\u0301 ", min_size=600, max_size=700), st.sampled_from(("words", "characters")))
def test_a_fitted_sentence_fits(text, split):
    for model in ("penguins", "stories", "induction"):
        fitted, _ = fit_sentence(text, split, model)
        assert fit_sentence(fitted, split, model) == (fitted, None)
        assert Scene(model=model, split=split, sentence=fitted).sentence == fitted
    assert fit_target(fit_target(text)) == fit_target(text)


def test_a_model_whose_words_are_decomposed_knows_them():
    vocabulary = FixedVocabulary(("x", "na\u0303o", "não"))
    assert vocabulary.encode("não").ids.tolist() == [2]
    assert FixedVocabulary(("x", "na\u0303o")).encode("não").ids.tolist() == [1]


# --------------------------------------------------------------------------------------------------------- measured


@pytest.mark.parametrize("split", ("words", "characters"))
@pytest.mark.parametrize("model", ("penguins", "stories"))
@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301" * 400_000,
        "a" + "\u0301\u0316" * 200_000,
        "👩\u200d" * 200_000,
        "क\u094d" * 200_000,
        "palavra " * 50_000,
        "x" * 400_000,
        "-" * 400_000,
    ],
    ids=("one mark", "two marks", "joined", "bound", "words", "letters", "hyphens"),
)
def test_a_huge_text_is_cut_before_it_is_looked_at(model, split, text):
    start = process_time()
    fitted, notice = fit_sentence(text, split, model)
    assert process_time() - start < 1.0
    assert 0 < len(fitted) <= limits.SENTENCE_CHARACTERS
    assert (notice.code, int(notice.value), int(notice.right)) == ("long", len(text), len(fitted))
    assert Scene.from_query({"model": model, "split": split, "sentence": text})[1] == (notice,)
    assert fit_target(text) and int(target_cut(text).value) == len(text)


def test_a_cut_parts_no_character():
    family = "👩‍👩‍👧‍👦"
    for text in (family * 200, "não" * 300):
        fitted, _ = fit_sentence(text)
        assert clusters(fitted) == clusters(text)[: len(clusters(fitted))]
        target = fit_target(text)
        assert clusters(target) == clusters(text)[: len(clusters(target))]
    assert target_cut("a  b") is None and target_cut("a" * 161).right == "160"


# ------------------------------------------------------------------------------------------------------- characters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007fx",
            ["🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "x"],
        ),
        ("한국", ["한", "국"]),
        ("\u1112\u1161\u11ab\u1100", ["\u1112\u1161\u11ab", "\u1100"]),
        ("می\u200cخواهم", ["م", "ی\u200c", "خ", "و", "ا", "ه", "م"]),
        ("क्षि", ["क्षि"]),
        ("👨🏽‍👩🏽‍👧🏽❤️‍🔥🏳️‍🌈", ["👨🏽‍👩🏽‍👧🏽", "❤️‍🔥", "🏳️‍🌈"]),
        ("🇧🇷🇵", ["🇧🇷", "🇵"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
        ("\u0301a", ["\u0301", "a"]),
        ("\n\u0301", ["\n", "\u0301"]),
        ("a\u200db", ["a\u200d", "b"]),
        ("1\ufe0f\u20e3", ["1\ufe0f\u20e3"]),
        ("กำ", ["กำ"]),
    ],
)
def test_clusters_of_unicode(text, expected):
    assert list(characters(text)) == expected


@given(st.text() | MARKED)
def test_clusters_lose_nothing(text):
    assert "".join(clusters(text)) == text
    assert "".join("".join(pieces(text)).split()) == "".join(pieces(text))


def test_a_word_keeps_its_marks_and_a_sign_its_joints():
    assert pieces("हिन्दी é x\u0303y_z") == ("हिन्दी", "é", "x\u0303y_z")
    assert pieces("👩‍👩‍👧 🇧🇷! می\u200cخواهم leão-marinho.") == (
        *("👩‍👩‍👧", "🇧🇷", "!", "می\u200cخواهم", "leão-marinho", "."),
    )


# ------------------------------------------------------------------------------------------------------------ shown


@pytest.mark.parametrize(
    ("token", "sign"),
    [
        *((" ", "␣"), ("\n", "⏎"), ("\t ", "⇥␣"), ("\u2003", "␣"), ("\u200b", "U+200B"), ("\u202e", "U+202E")),
        *(("\0", "U+0000"), ("\u0301", "◌\u0301"), ("\u3164", "U+3164"), ("foca", "foca"), ("a b", "a b")),
        *(("\ud800", "\ufffd"), ("", "")),
    ],
)
def test_a_token_can_be_seen(token, sign):
    assert visible(token) == sign


def test_from_right_to_left_keeps_to_itself():
    assert shown("שלום") == "\u2068שלום\u2069" and shown("٣") == "\u2068٣\u2069"
    assert shown("foca") == "foca" and shown("não 🐧") == "não 🐧"
    assert isolated("a\u202eb") == "ab"
    for c in map(chr, range(0x110000)):
        if unicodedata.bidirectional(c) in ("R", "AL", "AN"):
            assert isolated(f"“{c}") == f"\u2068“{c}\u2069", hex(ord(c))
    assert isolated("ש\u2069ל") == "\u2068של\u2069"
    assert isolated(isolated("ש")) == "\u2068\u2068ש\u2069\u2069"


@given(st.text("ab\u202e\u2066\u2067\u2068\u2069ש\n", max_size=12))
def test_no_token_reaches_beyond_itself(token):
    found = shown(token)
    depth = 0
    for c in found:
        depth += (c in "\u2066\u2067\u2068") - (c == "\u2069")
        assert depth >= 0 and c not in "\u202a\u202b\u202c\u202d\u202e"
    assert depth == 0


def test_short_parts_no_character():
    family = "👩‍👩‍👧‍👦"
    assert short(family * 3) == family * 3
    assert short(family * 20) == family * 13 + "…"
    assert short("x" * 15) == "x" * 13 + "…" and short("x" * 14) == "x" * 14
    assert len(short("a" + "\u0301" * 600)) <= 20


# ------------------------------------------------------------------------------------------------------------ files

STORY = "Os pinguins não têm joelho: é ação à beira-mar, “disse” o avô.\n"


@pytest.mark.parametrize("encoding", ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"))
@pytest.mark.parametrize("ends", ("\n", "\r\n"))
def test_unicode_files_are_read(encoding, ends):
    text = decoded((STORY * 9).replace("\n", ends).encode(encoding))
    vocabulary = Characters(text).vocabulary
    assert vocabulary == Characters(STORY * 9).vocabulary
    assert not {"\ufffd", "\0", "\ufeff", "\r", "\r\n"} & set(vocabulary)
    assert decoded(b"\xfe\xff" + STORY.encode("utf-16-be")).endswith(STORY)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_is_asked_about_and_then_read(encoding):
    text = STORY.replace("“disse”", "disse")
    with pytest.raises(core.ConfigError, match="is not utf-8: byte") as found:
        decoded(text.encode(encoding))
    assert found.value.code == "encoding"
    assert decoded(text.encode(encoding), encoding) == text


@pytest.mark.parametrize(
    ("data", "encoding", "code"),
    [
        (b"caf\x81", "windows-1252", "encoding"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "", "encoding"),
        (b"a\0bc", "", "file"),
        ("acentua\ufffd\ufffdo".encode(), "", "lost"),
        (b"a" * 900_000, "", "long"),
        (b"\xff\xfea", "", "encoding"),
    ],
)
def test_what_is_no_text_is_refused_by_name(data, encoding, code):
    with pytest.raises(core.ConfigError) as found:
        decoded(data, encoding)
    assert found.value.code == code


def test_nothing_is_learned_from_replacement_characters():
    with pytest.raises(core.ConfigError, match="2 characters are U\\+FFFD"):
        Characters(STORY * 9 + "\ufffd\ufffd")
    same = Characters(normalize("NFD", STORY * 9)), Characters(STORY * 9)
    assert same[0].vocabulary == same[1].vocabulary and "ã" in same[0].vocabulary
    start = process_time()
    Characters("a\u0301\u0316" * 30_000 + "a" + "\u0301\u0316" * 10_000)
    assert process_time() - start < 1.0
    heaped = Characters(STORY * 9 + "a" + "\u0301" * 100)
    assert max(map(len, heaped.vocabulary[1:])) == 1


# -------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize("lang", ("pt-BR", "en"))
def test_who_looks_and_who_is_looked_at_never_change_places(lang):
    words, scene = words_of(lang), Scene(model="gpt", sentence="שלום ok مرحبا", query=2, key=0)
    told = chosen_cell.html(scene, words)
    assert told.index("مرحبا") < told.index("שלום")
    assert "\u2068مرحبا\u2069" in told and "\u2068שלום\u2069" in told
    for builder in (attention.scores, attention.pattern):
        says = builder(scene, words).says
        assert all(f"\u2068{token}\u2069" in says for token in (scene.tokens[0], scene.tokens[2]) if token in says)
        assert "שלום" in says or "مرحبا" in says
    assert words.several(["שלום", "ok"]).startswith("\u2068שלום\u2069")


def test_a_special_token_that_a_reader_types_is_text():
    stories = core.PRESETS["stories"].tokenizer
    assert stories.split("a <unknown> foca") == ("a", "<", "unknown", ">", "foca")
    assert stories.outside("<unknown>") == dict.fromkeys(("<", "unknown", ">"), "<unknown>")
    assert FixedVocabulary(("<sep>", "foca")).split("foca <sep>") == ("foca", "<", "sep", ">")
    assert FixedVocabulary(("<unknown>", "<", ">"), "characters").split("<unknown>")[0] == "<"
