"""tokenizer.json as core reads it, against the `tokenizers` library: the same ids and the same text back."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import struct
import time
import unicodedata
from dataclasses import replace

import pytest

from core import ConfigError, WeightsError
from core.tokenizer.huggingface import FileTokenizer
from core.tokenizer.parts.cost import too_many_ways
from core.tokenizer.parts.letters import _runs, _translated, ranges_of
from core.tokenizer.parts.models import KEPT, SHORT

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors  # noqa: E402
from tokenizers import pre_tokenizers as splitters  # noqa: E402

TEXT = (
    "Os pinguins não têm joelho, e as focas também não. O pinguim vê a foca perto do gelo; a foca vê o peixe! "
    "It's a penguin: it doesn't fly, they've said. 12 345 ½ Ⅷ café CAFÉ naïve İstanbul straße ﬁm 漢字かな 東京 한국어 "
    "x_y $5 €6 (a) [b] don't I'm we're 🐧👨‍👩‍👧🇧🇷 e\u0301 a\u0303o \u00a0 \u200b tab\there\nnew\r\n  line ｶﾞ "
    "<mask> <s> não é"
)
LETTERS = sorted({*TEXT})
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def texts(n: int) -> list[str]:
    rng = random.Random(0)
    words = TEXT.split(" ")
    return [
        *("", " ", "  a  ", "a" * 150, "[SEP] [UNK] <s>", TEXT, unicodedata.normalize("NFD", TEXT)),
        *(" ".join(rng.choice(words) for _ in range(rng.randint(1, 8))) for _ in range(n)),
        *("".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 20))) for _ in range(n)),
    ]


def learned(kind: str, made: Tokenizer, **more) -> Tokenizer:
    """This tokenizer, with what it learned from TEXT."""
    trainer = {
        "bpe": tokenizers.trainers.BpeTrainer,
        "wordpiece": tokenizers.trainers.WordPieceTrainer,
        "unigram": tokenizers.trainers.UnigramTrainer,
    }[kind](show_progress=False, **more)
    made.train_from_iterator([TEXT] * 4, trainer)
    return made


def bpe(normalizer=None, splitter=None, decoder=None, processor=None, **more) -> Tokenizer:
    made = Tokenizer(models.BPE(**more))
    made.normalizer, made.pre_tokenizer, made.decoder = normalizer, splitter, decoder
    if processor:
        made.post_processor = processor
    return made


def gpt2() -> Tokenizer:
    made = bpe(None, splitters.ByteLevel(add_prefix_space=False), decoders.ByteLevel(), processors.ByteLevel())
    alphabet = splitters.ByteLevel.alphabet()
    return learned("bpe", made, vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)


def llama3() -> Tokenizer:
    cut = splitters.Split(Regex(LLAMA3), "isolated")
    chain = splitters.Sequence([cut, splitters.ByteLevel(add_prefix_space=False, use_regex=False)])
    made = bpe(normalizers.NFC(), chain, decoders.ByteLevel(), ignore_merges=True)
    learned("bpe", made, vocab_size=380, special_tokens=["<s>"], initial_alphabet=splitters.ByteLevel.alphabet())
    template = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
    made.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    made.add_tokens([AddedToken("  ", normalized=False), AddedToken("não é", normalized=True)])
    return made


def smollm() -> Tokenizer:
    chain = splitters.Sequence([splitters.Digits(individual_digits=True), splitters.ByteLevel(add_prefix_space=True)])
    made = bpe(None, chain, decoders.ByteLevel())
    return learned("bpe", made, vocab_size=350, initial_alphabet=splitters.ByteLevel.alphabet())


def llama2() -> Tokenizer:
    letters = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdefoscnã"]
    merges = [("▁", "a"), ("▁", "▁"), ("a", "b"), ("▁a", "b"), ("▁▁", "▁▁"), ("n", "ã"), ("nã", "o"), ("▁", "não")]
    ids = {token: i for i, token in enumerate([*letters, *map("".join, merges)])}
    made = Tokenizer(models.BPE(ids, merges, fuse_unk=True, byte_fallback=True, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made.add_special_tokens(["<s>", "</s>"])
    return made


def mistral() -> Tokenizer:
    made = llama2()
    made.normalizer, made.pre_tokenizer = None, splitters.Metaspace(prepend_scheme="first", split=False)
    made.add_tokens([AddedToken("foca", normalized=False)])
    return made


def bert(**options) -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(**options), splitters.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    learned("wordpiece", made, vocab_size=150, special_tokens=["[UNK]", "[CLS]", "[SEP]"], limit_alphabet=60)
    made.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return made


def charsmap() -> bytes:
    """A trie of three rules, as SentencePiece compiles them: "ab" -> "x", "é" -> "e", tab -> space."""
    rules = {b"ab": "x", "é".encode(): "e", b"\t": " "}
    children: dict[int, dict[int, int]] = {0: {}}
    ends: dict[int, str] = {}
    for key, value in rules.items():
        at = 0
        for byte in key:
            if byte not in children[at]:
                children[at][byte] = len(children)
                children[len(children)] = {}
            at = children[at][byte]
        ends[at] = value
    # Every node has a block of 256 units of its own; a leaf's value stands where the byte 0 would lead.
    units, text = [0] * (256 * (len(children) + 1)), b""
    for node, byte_to in children.items():
        for byte, child in byte_to.items():
            units[256 * (node + 1) + byte] = _unit(byte, 256 * (node + 1) + byte, child, child in ends)
    for node, value in ends.items():
        units[256 * (node + 1)] = 1 << 31 | len(text)
        text += value.encode() + b"\0"
    units[0] = 256 << 10
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + text


def _unit(byte: int, at: int, child: int, leaf: bool) -> int:
    return (at ^ 256 * (child + 1)) << 10 | leaf << 8 | byte


def t5() -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer, made.decoder = splitters.Metaspace(), decoders.Metaspace()
    learned("unigram", made, vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return made


def gemma() -> Tokenizer:
    scores = {"<unk>": 0.0} | {f"<0x{byte:02X}>": 0.0 for byte in range(256)}
    scores |= {c: -6.0 for c in "▁abcdefghijlmnoprstuvx"} | {
        "▁a": -3.0,
        "ão": -4.0,
        "não": -5.5,
        "in": -4.5,
        "gu": -5.0,
    }
    made = Tokenizer(models.Unigram([*scores.items()], unk_id=0, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = splitters.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return made


def words() -> Tokenizer:
    made = Tokenizer(models.WordLevel({"<unk>": 0, "o": 1, "nao": 2, ",": 3, "pinguim": 4}, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]
    )
    made.pre_tokenizer = splitters.Sequence([splitters.Whitespace(), splitters.Punctuation("isolated")])
    return made


def clip() -> Tokenizer:
    made = bpe(normalizers.NFKC(), splitters.WhitespaceSplit(), decoders.BPEDecoder("</w>"), unk_token="<unk>")
    made.model = models.BPE(unk_token="<unk>", end_of_word_suffix="</w>")
    return learned("bpe", made, vocab_size=200, special_tokens=["<unk>"], end_of_word_suffix="</w>")


KINDS = {
    **{f.__name__: f for f in (gpt2, llama3, smollm, llama2, mistral, t5, gemma, words, clip)},
    "bert": lambda: bert(lowercase=True),
    "bertimbau": lambda: bert(lowercase=False),
    "bert with accents": lambda: bert(lowercase=True, strip_accents=False, handle_chinese_chars=False),
}


def ours(made: Tokenizer, tmp_path) -> FileTokenizer:
    made.save(str(tmp_path / "tokenizer.json"))
    return FileTokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("name", KINDS)
def test_the_same_tokens_and_the_same_text_back(name, tmp_path):
    made = KINDS[name]()
    tokenizer = ours(made, tmp_path)
    made.encode_special_tokens = True
    for text in texts(150):
        for special in (True, False):
            got, expected = tokenizer.encode(text, special), made.encode(text, add_special_tokens=special)
            assert got.ids.tolist() == expected.ids, text
            read = zip(got.work, expected.tokens, strict=True)  # Unigram calls what it does not know as it was written
            assert all(piece.token == token or piece.token == "<unk>" for piece, token in read), text
        assert tokenizer.decode(got.ids) == made.decode(expected.ids), text
        assert all(0 <= start <= stop <= len(text) for start, stop in got.spans)
        if name in ("gpt2", "llama2", "gemma"):  # which leave every character where it is
            assert {i for start, stop in got.spans for i in range(start, stop)} == {*range(len(text))}
        elif name.startswith("bert"):
            assert [*got.spans] == expected.offsets or any(c in text for c in "\u0301\u0303İ"), text


@pytest.mark.parametrize("behavior", ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"])
@pytest.mark.parametrize("invert", [False, True])
def test_every_way_to_split(behavior, invert, tmp_path):
    made = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = splitters.Split(Regex(r"[aeiou\p{N}]|\P{L}"), behavior, invert)
    tokenizer = ours(made, tmp_path)
    for text in texts(40):
        pieces = [text[start:stop] for start, stop in tokenizer.encode(text).spans]
        assert pieces == [piece for piece, _ in made.pre_tokenizer.pre_tokenize_str(text)], text


# As the files of published models have them: GPT-2's kin by CLIP, cl100k and Llama 3, o200k and Llama 4, DeepSeek V3.
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST = r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PUBLISHED = (
    r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    LLAMA3,
    LLAMA3.replace(r"\p{N}]+[", r"\p{N}]++["),
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SUFFIX}" + REST,
    r"[!#$%&'()*+,\-./:;<=>?@^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + REST,
    " {2,}",
)
ENDLESS = (
    *(r"(a|a)*b", r"(a+)+b", r"(?:a*b*)*c", r"(?:a{1,2}){1,50}b", r"(?=(a+)+b)a", r"(?:a|b|ab)+c", r"()*"),
    *("a?" * 30 + "a" * 30, "(?:aa|a)" * 30 + "b", "a*a*a*a*b", r"\s*\s*x", r"(?:a+a+b)?c", r"(a+)\1"),
)


@pytest.mark.parametrize("pattern", PUBLISHED)
def test_the_patterns_of_published_models_are_read(pattern):
    assert not too_many_ways(_translated(pattern))


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_may_take_for_ever_is_refused_by_name(pattern, tmp_path):
    said = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"pre_tokenizer": said}))
    with pytest.raises(WeightsError, match=r"tokenizer\.json: pre_tokenizer Split: pattern: .* may take"):
        FileTokenizer(tmp_path / "tokenizer.json").encode("a" * 60)


def test_no_pattern_that_is_read_takes_long():
    """Random ones, of which most are refused: the others go through a sentence of the longest at once."""
    rng, taken = random.Random(3), 0
    for _ in range(1500):
        parts = rng.choices(("a", "[ab]", "(?:a|ab)", "(?:a|b)", ".", "(?=a)", "|", r"\s"), k=rng.randint(1, 5))
        pattern = "".join(part + rng.choice(("", "?", "*", "+", "{1,3}", "{2,}", "+?")) for part in parts)
        try:
            refused = too_many_ways(pattern)
        except re.error:
            continue
        if not refused:
            taken += 1
            started = time.process_time()
            re.findall(pattern, "a" * 640), re.findall(pattern, "ab" * 320)
            assert time.process_time() - started < 2, pattern
    assert taken > 200


def test_the_categories_are_unicode_s():
    runs = [category for category, first, last in _runs() for _ in range(first, last + 1)]
    assert runs == [unicodedata.category(chr(code)) for code in range(0x110000)]
    for category, outside, c in (("L", False, "é"), ("Lu", True, "é"), ("N", False, "Ⅷ"), ("P", True, "é")):
        assert re.fullmatch(f"[{ranges_of(category, outside)}]", c)
        assert not re.fullmatch(f"[{ranges_of(category, not outside)}]", c)


WHOLE = {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}


DOUBLED = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model": None}, "model: None"),
        ({"model": {"type": "Neural"}}, "model: 'Neural'"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b c"]}}, "merges: 'a b c'"),
        ({"model": {"type": "BPE", "vocab": {"a": "0"}}}, "vocab: 'a'"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "dropout": 0.1}}, "dropout: 0.1"),
        ({"model": {"type": "BPE", "vocab": {"b": 0}}}, "no token for 'a'"),
        ({"model": {"type": "BPE", "vocab": {"a": 10**6}}}, "'a': 1000000 is no id in 0..999,999"),
        ({"model": {"type": "Unigram", "vocab": [["a", None]]}}, "vocab"),
        ({"model": {"type": "Unigram", "vocab": [["a", 10**400]]}}, "vocab"),
        ({"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 3}}, "unk_id: 3"),
        ({"normalizer": {"type": "Nmt"}}, "normalizer: 'Nmt'"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "=="}}, "precompiled_charsmap"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": r"\p{Han}"}}}, "Han"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "("}}}, "pattern"),
        ({"pre_tokenizer": {"type": "UnicodeScripts"}}, "pre_tokenizer: 'UnicodeScripts'"),
        (
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "CharDelimiterSplit"}]}},
            "CharDelimiterSplit",
        ),
        ({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "last"}}, "prepend_scheme: 'last'"),
        ({"post_processor": {"type": "Mine"}}, "post_processor: 'Mine'"),
        ({"post_processor": {"type": "BertProcessing", "cls": ["x", 1], "sep": ["a", 0]}}, "no token 'x'"),
        ({"decoder": {"type": "CTC"}}, "decoder: 'CTC'"),
        ({"decoder": {"type": "Sequence", "decoders": 5}}, "decoders: 5"),
        ({"normalizer": {"type": "Prepend", "prepend": "a" * 65}}, "prepend: has 65 letters"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10**6}},
            "content: has 1,000,000",
        ),
        ({"normalizer": {"type": "Sequence", "normalizers": [DOUBLED] * 12}}, "makes more than"),
        ({"normalizer": {"type": "Sequence", "normalizers": [DOUBLED] * 17}}, "has 18 parts"),
        (
            {"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "a"}}] * 17}},
            "17 tokens",
        ),
        ({"added_tokens": [{"id": 1, "content": ""}]}, "added_tokens"),
        ({"added_tokens": [{"id": 1, "content": "b", "lstrip": True}]}, "lstrip: True"),
        ({"added_tokens": [{"id": 10**6, "content": "b"}]}, "no id in 0..999,999"),
        ({"added_tokens": 3}, "added_tokens: 3"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(changes, names, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | changes))
    with pytest.raises(WeightsError, match=r"tokenizer\.json.*" + names):
        FileTokenizer(tmp_path / "tokenizer.json").encode("a")


def test_a_number_of_times_that_nobody_can_wait_for(tmp_path):
    said = {"type": "Strip", "content": "x", "start": 10**18, "stop": 10**18}
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"decoder": said}))
    tokenizer = FileTokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.decode([0, 0]) == tokenizer.decode([0, 9, 0]) == "aa"
    for wrong in ("x", -1, 0.5):
        with pytest.raises(ConfigError, match="ids: "):
            tokenizer.decode([wrong])


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "tokenizer.json")
    for name, why in (("tokenizer.json", "must be a file"), ("gone.json", "cannot be opened")):
        with pytest.raises(WeightsError, match=f"{name}: {why}"):
            FileTokenizer(tmp_path / name).encode("a")


def test_a_null_is_a_sequence_of_nothing(tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"decoder": {"type": "Sequence", "decoders": None}}))
    assert FileTokenizer(tmp_path / "tokenizer.json").encode("a").tokens == ("a",)


def test_added_tokens_are_normalized_once_and_the_longest_is_taken(tmp_path, monkeypatch):
    added = [{"id": 1 + i, "content": f"B{'b' * i}"} for i in range(50)]
    added += [{"id": 60, "content": "c", "normalized": False}]
    vocabulary = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
    said = {"model": vocabulary, "added_tokens": added, "normalizer": {"type": "Lowercase"}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(said))
    tokenizer = FileTokenizer(tmp_path / "tokenizer.json")
    assert tokenizer.encode("aBBBacbb").tokens == ("a", "Bbb", "a", "c", "Bb")
    assert tokenizer.encode("aBBBacbb").spans == ((0, 1), (1, 4), (4, 5), (5, 6), (6, 8))
    normalized = []
    stages = tokenizer._stages
    once = replace(stages, normalize=lambda letters: normalized.append(letters) or stages.normalize(letters))
    monkeypatch.setitem(vars(tokenizer), "_stages", once)
    tokenizer.encode("c".join("a" * 20))
    assert len(normalized) == 20, "the text's own parts, and none of the fifty"


@pytest.mark.parametrize("merges", [["a b", "ab c"], ["a b"] * 3 + ["ab c"]], ids=("once", "thrice"))
def test_a_merge_that_stands_there_again_hides_no_other(merges, tmp_path):
    ids = {token: i for i, token in enumerate(["x", "a", "b", "c", "ab", "abc"])}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": ids, "merges": merges}}))
    assert FileTokenizer(tmp_path / "tokenizer.json").encode("xxabc").tokens == ("x", "x", "abc")


def test_what_is_kept_of_a_text_has_an_end(tmp_path):
    ids = {c: i for i, c in enumerate("abcdefgh")}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": ids, "merges": []}}))
    tokenizer = FileTokenizer(tmp_path / "tokenizer.json")
    for i in range(100):
        tokenizer.encode("abcdefgh"[i % 8] * (SHORT + 1 + i))
    assert tokenizer._stages.model._known.cache_info().currsize == 0, "whole texts are not words"
    tokenizer.encode("a")
    assert tokenizer._stages.model._known.cache_info()[2:] == (KEPT, 1)


def test_a_hostile_table_of_characters_finds_nothing(tmp_path):
    rng = random.Random(0)
    for _ in range(200):
        raw = bytearray(charsmap())
        for _ in range(rng.randint(1, 30)):
            raw[rng.randrange(4, len(raw))] = rng.randrange(256)
        said = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(bytes(raw)).decode()}
        (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"normalizer": said}))
        FileTokenizer(tmp_path / "tokenizer.json").encode("abé\tab")
