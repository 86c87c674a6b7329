"""The tokenizers that learn: byte-pair encoding and WordPiece, against their definitions computed the slow way."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import core
from core.tokenizer import bpe, wordpiece
from core.tokenizer.bpe import BytePair
from core.tokenizer.wordpiece import UNKNOWN, WordPiece

TEXT = """Os pinguins não têm joelho? Têm, mas escondido. O pinguim nada e a foca nada; os pinguins nadam e as focas
nadam. Penguins swim, and seals swim with the penguins. 2024, 2025 e 2026: 10% a mais de peixe, peixinho e peixão."""
SENNRICH = "low low low low low lower lower" + " newest" * 6 + " widest" * 3  # the example of the 2016 paper

texts = st.text() | st.text("ab c", max_size=60) | st.text("aé 1_.\n🐧", max_size=60)


# ------------------------------------------------------------------------------------------------------- byte-pair


def test_the_example_of_the_paper():
    merges = list(bpe.learn(SENNRICH, 4))
    assert [(merge.token, merge.count) for merge in merges] == [(b"es", 9), (b"est", 9), (b"lo", 7), (b"low", 7)]
    assert [merge.id for merge in merges] == [256, 257, 258, 259]

    encoding = BytePair(tuple(merges)).encode("lowest")
    assert encoding.tokens == ("low", "est")
    assert encoding.ids.tolist() == [259, 257]
    assert encoding.ids.dtype == np.int64
    steps = [(step.merge and step.merge.token, b" ".join(step.tokens)) for step in encoding.work]
    assert steps == [
        (None, b"l o w e s t"),
        (b"es", b"l o w es t"),
        (b"est", b"l o w est"),
        (b"lo", b"lo w est"),
        (b"low", b"low est"),
    ]


@given(texts)
@example("\ud800")
def test_pieces_are_the_text(text):
    assert "".join(bpe.pieces(text)) == text


@given(texts, st.sampled_from([256, 270, 400]))
@example("a\0b\n\n  c\u0301 🐧‍🐧", 300)
def test_decode_undoes_encode(text, size):
    tokenizer = BytePair.train(TEXT, size)
    encoding = tokenizer.encode(text)
    assert tokenizer.decode(encoding.ids) == text
    assert all(0 <= i < len(tokenizer.vocabulary) for i in encoding.ids)
    assert len(encoding.tokens) == len(encoding.ids)
    assert b"".join(tokenizer.vocabulary[i] for i in encoding.ids) == text.encode()


def slow_merge(symbols, pair, join=add):
    out, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append(join(*pair))
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


@given(st.text("abc é", max_size=80))
@example(TEXT)
@example("aaaa aaa aa aaaaa")
def test_learning_against_counting_anew_at_every_step(text):
    words = [[bytes([b]) for b in piece.encode()] for piece in bpe.pieces(text)]
    for merge in bpe.learn(text, 60):
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = max(counts.values())
        assert (merge.left, merge.right) == min(pair for pair, count in counts.items() if count == best)
        assert merge.count == best >= 2
        words = [slow_merge(word, (merge.left, merge.right)) for word in words]

    # Encoding the text again splits it just as learning left it.
    tokens = [step for step in BytePair(tuple(bpe.learn(text, 60))).encode(text).tokens]
    assert tokens == [bpe.readable(symbol) for word in words for symbol in word]


def test_frequent_words_become_one_token():
    tokenizer = BytePair.train(TEXT * 3, 400)
    assert " pinguins" in tokenizer.encode("os pinguins").tokens
    assert tokenizer.encode("ã").tokens in (("ã",), ("\\xc3", "\\xa3"))
    assert len(BytePair.train(TEXT, 290).vocabulary) == 290
    assert len(BytePair.train("abc", 1000).vocabulary) == 256  # no pair occurs twice


def test_what_byte_pair_refuses():
    with pytest.raises(core.ConfigError, match="vocab_size: 255"):
        BytePair.train(TEXT, 255)
    with pytest.raises(core.ConfigError, match="ids: 256"):
        BytePair(()).decode([65, 256])
    assert BytePair(()).decode([0xC3]) == "\ufffd"


# ------------------------------------------------------------------------------------------------------- WordPiece


def slow_scores(words):
    symbols, pairs = Counter(), Counter()
    for word in words:
        symbols.update(word)
        pairs.update(pairwise(word))
    return pairs, {pair: count / (symbols[pair[0]] * symbols[pair[1]]) for pair, count in pairs.items()}


@given(st.text("abc é.", max_size=80))
@example(TEXT)
@example("aaaa aaa aa aaaaa")
def test_wordpiece_learning_against_scoring_anew_at_every_step(text):
    words = [list(wordpiece.letters(word)) for word in wordpiece.words(text)]
    for joined in wordpiece.learn(text, 60):
        pairs, scores = slow_scores(words)
        best = max(scores[pair] for pair, count in pairs.items() if count >= 2)
        pair = (joined.left, joined.right)
        assert (joined.count, joined.score) == (pairs[pair], best)
        assert scores[pair] == best
        words = [slow_merge(word, pair, wordpiece.join) for word in words]


def test_the_longest_piece_goes_first():
    tokenizer = WordPiece(("un", "una", "##aff", "##ffable", "##able", "##f"), ())
    encoding = tokenizer.encode("unaffable! unax")
    assert encoding.tokens == ("una", "##ffable", UNKNOWN, UNKNOWN)
    assert encoding.ids.tolist() == [2, 4, 0, 0]
    assert encoding.ids.dtype == np.int64
    first, second, sign, *word = encoding.work
    assert (first.rest, first.tried[0], first.tried[-1], first.piece) == ("unaffable", "unaffable", "una", "una")
    assert (second.rest, second.tried, second.piece) == ("##ffable", ("##ffable",), "##ffable")
    assert (sign.tried, sign.piece) == (("!",), UNKNOWN)
    assert [(step.rest, step.piece) for step in word] == [("unax", "una"), ("##x", UNKNOWN)]


def test_wordpiece_round_trip():
    tokenizer = WordPiece.train(TEXT, 120)
    encoding = tokenizer.encode(TEXT)
    assert UNKNOWN not in encoding.tokens
    assert tokenizer.decode(encoding.ids) == " ".join(wordpiece.words(TEXT))
    assert [tokenizer.vocabulary[joined.id] for joined in tokenizer.joins] == [j.token for j in tokenizer.joins]
    assert tokenizer.encode("zebra").tokens == (UNKNOWN,)
    assert tokenizer.encode("a" * 101).tokens == (UNKNOWN,)
    assert tokenizer.encode("  ").ids.shape == (0,)


def test_what_wordpiece_refuses():
    with pytest.raises(core.ConfigError, match="vocab_size: 3"):
        WordPiece.train("abc", 3)
    with pytest.raises(core.ConfigError, match="ids: 9"):
        WordPiece(("a",), ()).decode([9])
