"""Folders without tokenizer.json: vocab.txt, vocab.json and merges.txt, against the `tokenizers` library."""

from __future__ import annotations

import json
import random
import shutil

import pytest
from support import GOLDEN

from core import WeightsError, load_pretrained
from core.weights.folder import Folder

TEXT = (
    "Os pinguins não têm joelho, e as focas também não. O pinguim vê a foca perto do gelo; a foca vê o peixe! "
    "It's a penguin: it doesn't fly, they've said. 12 345 ½ Ⅷ café CAFÉ naïve İstanbul straße 漢字かな 東京 한국어 "
    "x_y $5 €6 (a) [b] don't I'm we're 🐧👨‍👩‍👧 e\u0301 \u00a0 \u200b tab\there\nnew  line"
)
LETTERS = sorted({*TEXT})


@pytest.fixture
def folder(tmp_path):
    """A copy of a small checkpoint, by its family."""

    def copied(name: str):
        return shutil.copytree(GOLDEN / name, tmp_path / name)

    return copied


def texts(n: int) -> list[str]:
    rng = random.Random(0)
    words = TEXT.split(" ")
    return [
        *("", " ", "a" * 150, "[SEP] [UNK] <s>", TEXT),
        *(" ".join(rng.choice(words) for _ in range(rng.randint(1, 8))) for _ in range(n)),
        *("".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 20))) for _ in range(n)),
    ]


def same(ours, theirs, special: bool = True) -> None:
    for text in texts(300):
        got, expected = ours.encode(text, special), theirs.encode(text, add_special_tokens=special)
        assert got.ids.tolist() == expected.ids, (text, got.tokens, expected.tokens)
        assert [(p.start, p.stop) for p in got.work if p.stop] == [o for o in expected.offsets if o[1]] or special, text
        assert ours.decode(got.ids) == theirs.decode(expected.ids), text


@pytest.mark.parametrize(("settings", "options"), [
    ({}, {"lowercase": True}),
    ({"do_lower_case": False}, {"lowercase": False}),
    ({"do_lower_case": True, "strip_accents": False}, {"lowercase": True, "strip_accents": False}),
])  # fmt: skip
def test_vocab_txt(settings, options, folder):
    from tokenizers import BertWordPieceTokenizer

    learned = BertWordPieceTokenizer(**options)
    learned.train_from_iterator([TEXT] * 3, vocab_size=60, min_frequency=1, show_progress=False, limit_alphabet=40)
    vocabulary = learned.get_vocab()
    path = folder("bert-tiny")
    (path / "vocab.txt").write_text("".join(f"{t}\n" for t in sorted(vocabulary, key=vocabulary.get)), "utf-8")
    theirs = BertWordPieceTokenizer(str(path / "vocab.txt"), **options)
    theirs.encode_special_tokens = True
    theirs._tokenizer.encode_special_tokens = True
    if settings:
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
    same(load_pretrained(path).tokenizer, theirs)
    same(load_pretrained(path).tokenizer, theirs, special=False)


def test_vocab_json_and_merges(folder):
    from tokenizers import ByteLevelBPETokenizer

    learned = ByteLevelBPETokenizer()
    learned.train_from_iterator([TEXT] * 3, vocab_size=340, min_frequency=1, show_progress=False)
    path = folder("gpt2-tiny")
    learned.save_model(str(path))
    theirs = ByteLevelBPETokenizer(str(path / "vocab.json"), str(path / "merges.txt"))
    same(Folder(path).read_tokenizer(), theirs, special=False)


def test_roberta_s_text_stands_between_its_tokens(folder):
    path = folder("roberta-tiny")
    letters = {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}
    (path / "vocab.json").write_text(json.dumps(letters))
    (path / "merges.txt").write_text("#version: 0.2\na b\n")
    tokenizer = load_pretrained(path).tokenizer
    assert tokenizer.encode("aab").ids.tolist() == [0, 3, 5, 2]
    assert tokenizer.encode("aab", special=False).ids.tolist() == [3, 5]
    assert tokenizer.decode([0, 3, 5, 2]) == "aab"
    with pytest.raises(WeightsError, match="no token for"):
        tokenizer.encode("c")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"vocab.txt": b"a\nb\n"}, "has no token '.UNK.'"),
        ({"vocab.txt": b"\xff\xfe"}, "no text in UTF-8"),
        ({"vocab.txt": b"[UNK]\n[CLS]\n[SEP]\na\nb\na\n"}, "has the piece 'a' twice"),
        ({"vocab.txt": b"[UNK]\n[CLS]\n[SEP]\n", "tokenizer_config.json": b'{"do_lower_case": 1}'}, "do_lower_case"),
        ({"vocab.txt": b"[UNK]\n[CLS]\n[SEP]\n", "tokenizer_config.json": b'{"cls_token": 1}'}, "cls_token"),
        ({"vocab.json": b'{"a": 1}', "merges.txt": b""}, "ids are not"),
        ({"vocab.json": b'{"a": 0}', "merges.txt": b"a b c\n"}, "not two tokens"),
        (
            {"vocab.json": b'{"a": 0}', "merges.txt": b"", "tokenizer_config.json": b'{"add_prefix_space": true}'},
            "add_pr",
        ),
        ({"vocab.json": b"[]", "merges.txt": b""}, "JSON object"),
    ],
)
def test_damaged_vocabularies_are_refused(files, names, folder):
    path = folder("bert-tiny" if "vocab.txt" in files else "gpt2-tiny")
    for name, raw in files.items():
        (path / name).write_bytes(raw)
    with pytest.raises(WeightsError, match=names):
        load_pretrained(path)
