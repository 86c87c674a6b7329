"""Text to ids: nothing is lost, a word keeps its id, and what a reader calls one character stays one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import OpenVocabulary
from core.tokenizer.words import characters, split_words

texts = st.text(max_size=80)


def test_words():
    assert split_words("  Os pinguins\tnão \n tem  joelho ") == ("Os", "pinguins", "não", "tem", "joelho")
    assert split_words(" \u2003\n") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("não", ["n", "ã", "o"]),
        ("na\u0303o", ["n", "a\u0303", "o"]),
        ("👩‍👩‍👧x", ["👩‍👩‍👧", "x"]),
        ("🇧🇷🇵🇹", ["🇧🇷", "🇵🇹"]),
        ("👍🏽👍", ["👍🏽", "👍"]),
        ("❤️!", ["❤️", "!"]),
        ("שלום", ["ש", "ל", "ו", "ם"]),
        ("<b>$", ["<", "b", ">", "$"]),
    ],
)
def test_characters(text, expected):
    assert list(characters(text)) == expected


@given(texts)
def test_characters_lose_nothing(text):
    assert "".join(characters(text)) == text


@given(texts)
def test_words_lose_only_spaces(text):
    assert "".join(split_words(text)) == "".join(text.split())


@given(texts, st.sampled_from((split_words, characters)))
def test_different_tokens_never_share_an_id(text, split):
    encoding = OpenVocabulary(100, split).encode(text)
    assert encoding.ids.dtype == np.int64 and encoding.tokens == split(text)
    assert len({*zip(encoding.tokens, encoding.ids.tolist(), strict=True)}) == len(set(encoding.tokens))
    assert len(set(encoding.ids.tolist())) == len(set(encoding.tokens))
    assert all(0 <= i < 100 for i in encoding.ids)


@given(texts, st.sampled_from((split_words, characters)))
def test_the_work_leads_to_the_ids(text, split):
    encoding = OpenVocabulary(1000, split).encode(text)
    assert [step.id for step in encoding.work] == encoding.ids.tolist()
    assert tuple(step.token for step in encoding.work) == encoding.tokens
    assert all(0 <= step.asked < 1000 for step in encoding.work)


def test_a_word_keeps_its_id_in_every_sentence():
    vocabulary = OpenVocabulary(1000)
    first = vocabulary.encode("Os pinguins não tem joelho")
    other = vocabulary.encode("joelho tem os Os pinguins")
    ids = dict(zip(first.tokens, first.ids.tolist(), strict=True))
    assert [int(other.ids[i]) for i in (0, 1, 3, 4)] == [ids[word] for word in ("joelho", "tem", "Os", "pinguins")]


def test_a_taken_slot_gives_the_next_free_one():
    encoding = OpenVocabulary(3).encode("a b c")
    assert sorted(encoding.ids.tolist()) == [0, 1, 2]
    moved = [step for step in encoding.work if step.id != step.asked]
    assert moved, "of three words in three slots these collide"


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="text: more than 3 different tokens"):
        OpenVocabulary(3).encode("a b c d")
