"""WordPiece's words against BERT's own, as the `tokenizers` library parts them."""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tokenizer.wordpiece import UNKNOWN, WordPiece, words

tokenizers = pytest.importorskip("tokenizers")

CLEAN = tokenizers.normalizers.BertNormalizer(
    clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
)
PART = tokenizers.pre_tokenizers.BertPreTokenizer()
ALPHABETS = (
    *("aé _-.,'’ \u0303", "ab_\u0301 \t\n\r\u00a0", "नमस्ते दुनिया। ", "שלוֹם עוֹלָם ", "مرحبا، ٣ ", "漢字かな交じり文、。 "),
    *(
        "한국어 ᄀ\u1161",
        "€$+<=>^`|~°²½№ ",
        "👩\u200d👧🏽🇧🇷❤\ufe0f ",
        "\0\x0b\x1c\x85\u2028\u3000\ufeff\u00ad\ufffdab ",
    ),
)
# The library's tables are of an older Unicode; where they say otherwise, a sign is one of these.
NEWER = st.characters(exclude_categories=("Cs", "Cn", "Po", "Ps", "Pe", "Pd", "Cf"))


def theirs(text: str) -> list[str]:
    return [word for word, _ in PART.pre_tokenize_str(CLEAN.normalize_str(text))]


def test_words_are_berts_on_thousands_of_texts():
    rng = random.Random(0)
    for _ in range(6000):
        alphabet = "".join(rng.sample(ALPHABETS, 2))
        text = "".join(rng.choices(alphabet, k=rng.randint(1, 24)))
        assert words(text) == theirs(text), text


@settings(max_examples=50)
@given(st.text(NEWER, max_size=40))
def test_words_are_berts(text):
    if not set(text) & {"\u166d", "\U000111c9"}:
        assert words(text) == theirs(text)


def test_every_sign_that_both_know():
    codes = (*range(0x2E40), *range(0x2E80, 0xD800), *range(0xE000, 0x10000), *range(0x1F000, 0x1FB00))
    newer = {c for c in map(chr, codes) if unicodedata.category(c)[0] in "PCM" and c > "\u058f"} | {"\u166d"}
    text = " ".join(f"a{chr(code)}b" for code in codes if chr(code) not in newer)
    assert words(text) == theirs(text)


def test_the_whole_way_to_the_ids_is_theirs():
    learned = WordPiece.train("os pinguins nadam e as focas nadam, não_é? x\u0303 नमस्ते " * 3, 90)
    own = {piece: i for i, piece in enumerate(learned.vocabulary)}
    library = tokenizers.Tokenizer(tokenizers.models.WordPiece(own, unk_token=UNKNOWN, max_input_chars_per_word=100))
    library.normalizer, library.pre_tokenizer = CLEAN, PART
    rng = random.Random(1)
    for _ in range(1000):
        text = "".join(rng.choices("ospinguadmfceã_,? x\u0303नमस्ते€", k=rng.randint(1, 30)))
        assert learned.encode(text).ids.tolist() == library.encode(text).ids, text


def test_special_names_are_text():
    assert words("[CLS] <s> <|endoftext|>") == ["[", "CLS", "]", "<", "s", ">", "<", "|", "endoftext", "|", ">"]
    learned = WordPiece.train("[UNK] UNK] K] [U " * 2, 20)
    assert 0 not in learned.encode("[UNK]").ids, "what a reader writes is spelled out"
