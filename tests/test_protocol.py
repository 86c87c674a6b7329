"""What every tokenizer can do: split, encode, outside, tokens, decode, and which characters each token covers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import core
from core import BytePair, WordPiece, limits
from core.presets import register
from core.scene.continuation import namer
from core.scene.sentence import fit_sentence
from core.tokenizer import pretrained
from core.tokenizer.huggingface import BYTES
from core.tokenizer.pretrained import SHORT, SPACE, ByteLevel, Pieces, SentencePiece
from core.tokenizer.words import FixedVocabulary

TEXT = "O pinguim não vê 🐧, e a Foca?"
LETTERS = tuple(sorted({*TEXT.lower()} - {" ", "🐧"}))
PIECES = ("[UNK]", "[CLS]", "[SEP]", *LETTERS, *(f"##{c}" for c in LETTERS), "pinguim", "fo", "##ca", "nao")
SPELLED = ("<s>", *(f"<0x{byte:02X}>" for byte in range(256)), SPACE, *LETTERS, "O", "F", f"{SPACE}a", "ã")
TOKENIZERS = {
    "words": FixedVocabulary(("<unknown>", "o", "pinguim", "e", "a", "foca", ",", "?")),
    "characters": FixedVocabulary(("<unknown>", *sorted({*TEXT} - {"🐧"})), "characters"),
    "learned bytes": BytePair.train(TEXT * 2, 270),
    "learned pieces": WordPiece.train((TEXT.replace(" 🐧", "") + " ") * 3, 60),
    "bytes": ByteLevel(("<|end|>", *BYTES, "pi"), frozenset({0}), merges=(("p", "i"),)),
    "pieces": Pieces(PIECES, frozenset({0, 1, 2}), before=(1,), after=(2,)),
    "letters": SentencePiece(
        SPELLED, frozenset(range(257)), before=(0,), scores=[0.0] * len(SPELLED), escaped=frozenset(range(1, 257))
    ),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_tokenizer_meets_it(name):
    tokenizer = TOKENIZERS[name]
    encoding = tokenizer.encode(TEXT)
    assert tokenizer.split(TEXT) == encoding.tokens
    assert len(encoding.ids) == len(encoding.tokens) == len(encoding.spans)
    for id, token, (start, stop) in zip(encoding.ids.tolist(), encoding.tokens, encoding.spans, strict=True):
        assert 0 <= start <= stop <= len(TEXT)
        if id in tokenizer.special and tokenizer.tokens[id] not in tokenizer.outside(TEXT).values():
            assert start == stop, "it stands for no text"
        if start < stop and TEXT[start:stop] not in tokenizer.outside(TEXT) and "x" not in token:
            read = token.removeprefix("##").replace(SPACE, " ").strip()
            assert read.lower() in TEXT[start:stop].lower().replace("ã", "a").replace("ê", "e") or read in TEXT
    assert all(a[0] <= b[0] for a, b in pairwise(encoding.spans)), "in the text's order"
    covered = {i for start, stop in encoding.spans for i in range(start, stop)}
    assert {i for i, c in enumerate(TEXT) if c != " "} <= covered, "nothing written is lost"
    assert tokenizer.outside("a e") == {} and "🐧" not in tokenizer.outside("a")
    assert tokenizer.decode(tokenizer.encode("a e").ids) == "a e"


@pytest.mark.parametrize("name", TOKENIZERS)
def test_what_is_no_text_and_no_id_is_refused_by_name(name):
    with pytest.raises(core.ConfigError, match="text: 5"):
        TOKENIZERS[name].encode(5)
    for wrong in (-1, 10**9, 1.5, "x", True):
        with pytest.raises(core.ConfigError, match="ids: "):
            TOKENIZERS[name].decode([wrong])
    with pytest.raises(core.ConfigError, match="ids: "):
        TOKENIZERS[name].decode(7)


def test_what_is_outside_is_called_as_it_was_written():
    assert TOKENIZERS["words"].outside(TEXT)["🐧"] == "<unknown>"
    assert TOKENIZERS["learned pieces"].outside(TEXT) == {"🐧": "[UNK]"}
    assert TOKENIZERS["pieces"].outside(TEXT) == {"🐧": "[UNK]"}
    assert TOKENIZERS["bytes"].outside(TEXT) == TOKENIZERS["letters"].outside(TEXT) == {}
    assert TOKENIZERS["letters"].decode(TOKENIZERS["letters"].encode(TEXT).ids) == TEXT, "through its bytes too"


@pytest.mark.parametrize("name", ["bytes", "pieces", "letters"])
def test_a_sentence_is_cut_between_tokens(name):
    tokenizer = TOKENIZERS[name]
    config = core.Config(vocab_size=400, n_ctx=12, d_model=4, n_heads=1, n_layers=1, causal=True, unembed=True)
    own = core.Preset("p", config, "a", tokenizer=tokenizer, source=lambda: core.init_params(config))
    model, held = register(own)
    fitted, notice = fit_sentence("a e 🐧 é🐧🐧 a", model=model)
    assert "a e" in fitted and len(tokenizer.split(fitted)) <= 12 and fitted == "a e 🐧 é🐧🐧 a"[: len(fitted)]
    assert (notice is None) == (fitted == "a e 🐧 é🐧🐧 a")
    assert fit_sentence(fitted, model=model) == (fitted, None)
    long, told = fit_sentence("a" * 5000, model=model)
    assert 0 < len(long) <= limits.SENTENCE_CHARACTERS and told.code == "long"
    scene = core.Scene(model=model, sentence=fitted)
    assert scene.tokens == tokenizer.split(fitted)
    assert namer(scene)(399) == "#399" and namer(scene)(len(tokenizer.tokens) - 1) == tokenizer.tokens[-1]
    assert held is scene.preset


def test_a_short_piece_that_was_read_just_now_is_not_merged_again(monkeypatch):
    tokenizer = ByteLevel(("<|end|>", *BYTES, "pi"), frozenset({0}), merges=(("p", "i"),))
    merged, merge = [], pretrained.by_rank
    monkeypatch.setattr(
        pretrained, "by_rank", lambda symbols, ranks: merged.append("".join(symbols)) or merge(symbols, ranks)
    )
    long = "pi" * SHORT
    first = tokenizer.encode(f"pipa {long}")
    again = tokenizer.encode(f"pipa {long}")
    assert merged.count("pipa") == 1 and sum(len(piece) > SHORT for piece in merged) == 2, "a long one is kept nowhere"
    assert again.tokens == first.tokens and again.spans == first.spans
    assert again.ids.tolist() == first.ids.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_the_likeliest_neighbours_are_joined_first_and_each_is_asked_for_once(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    spelled = [*"abc"]
    while len(spelled) < 30:
        spelled += [one for one in ["".join(rng.choice(spelled, 2))] if one not in spelled]
    tokenizer = SentencePiece(tuple(spelled), scores=rng.integers(-5, 0, 30).tolist(), space=False)  # many are alike
    text = "".join(rng.choice([*"abc"], 40))

    symbols, score_of = [*text], dict(zip(spelled, tokenizer.scores, strict=True))
    while known := [(-score_of[a + b], i) for i, (a, b) in enumerate(pairwise(symbols)) if a + b in score_of]:
        i = min(known)[1]
        symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
    asked, score = [], SentencePiece._score
    monkeypatch.setattr(SentencePiece, "_score", lambda self, token: asked.append(token) or score(self, token))
    assert tokenizer.split(text) == tuple(symbols)
    assert len(asked) <= 3 * len(text), "not all of them after each join"
