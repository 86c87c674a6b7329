"""Why a file is refused is told in the reader's language: whatever core may say of one has its words."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import WeightsError
from core.tokenizer.huggingface import FileTokenizer
from core.weights.hub import checked_repository
from core.weights.names import _check_missing, _check_unknown
from core.weights.safetensors import _read_header
from pictures.refusals import THOUSANDS, told
from pictures.words import words_of

ROOT = Path(__file__).parents[1]
# What reads a file that a reader brings, and what fetches one.
PLACES = ("core/weights", "core/tokenizer/parts", "core/tokenizer/huggingface.py", "core/library.py", "core/config.py")
PLACES += ("core/strict_json.py", "ui/models/fetch.py")
RAISED = ("WeightsError", "ConfigError")
SIZE = re.compile(r"size|len|bytes|limits|most|count|^n$|^n_|begin|end|start|stop|offset|length")
WORDS = {lang: words_of(lang) for lang in ("en", "pt-BR")}


def said() -> list[tuple[str, str]]:
    """Each message that is raised, with something in its places, and where."""
    found = []
    for path in sorted(file for place in PLACES for file in files(ROOT / place)):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in RAISED and call.args:
                text = message(call.args[0])
                if text:
                    found.append((f"{path.relative_to(ROOT)}:{call.lineno}", text))
            for said_of in call.keywords if isinstance(call, ast.Call) else ():
                if said_of.arg == "problem" and (text := message(said_of.value)):
                    found.append((f"{path.relative_to(ROOT)}:{call.lineno}", text))
    return found


def files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def message(said: ast.expr) -> str:
    """What is said; "" where another one said it before, and it is only handed on."""
    if isinstance(said, ast.Constant):
        return str(said.value)
    if not isinstance(said, ast.JoinedStr) or ast.unparse(said).endswith("{error}'"):
        return ""
    text = ast.unparse(said)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else example(part, text) for part in said.values)


def example(part: ast.FormattedValue, said: str) -> str:
    name = ast.unparse(part.value)
    if name == "why":
        return "is big-endian" if "is not implemented" in said else "an address"
    if name in ("pickle", "advice"):
        return ""
    if "REFUSED" in name:
        return "a Python pickle, which is never loaded"
    if name.startswith("_kind"):
        return "is not safetensors, or is damaged"
    if name.startswith(("_not_a_folder", "_fault")):
        return "there is no such folder"
    return "1,234" if SIZE.search(name) else f"'{name[:12]}'"


@pytest.mark.parametrize(("place", "reason"), said(), ids=lambda text: text if ":" in text and " " not in text else "")
def test_every_reason_has_words_in_the_reader_s_language(place, reason):
    there = told(reason, WORDS["pt-BR"])
    assert "em inglês" not in there and there != reason, (place, reason)
    assert told(reason, WORDS["en"]) == reason
    assert THOUSANDS.search(reason) is None or "1.234" in there or "1,234" in there


EXAMPLES = {
    "config.json: model_type: 'mamba' is not implemented; gpt2, bert are": (
        "config.json: model_type: 'mamba' não existe aqui; existem gpt2, bert"
    ),
    "model.pt: is a Python pickle, which is never loaded": "model.pt: é um pickle de Python, que nunca é aberto",
    "config.json: n_head: 'x' is not implemented; a whole number in 1..1,000 is": (
        "config.json: n_head: 'x' não existe aqui; só um número inteiro em 1..1,000"
    ),
    "files: 16,000,001 bytes; at most 16,000,000 are read": ("files: 16.000.001 bytes; leem-se no máximo 16.000.000"),
    "m: is a Python pickle, which is never loaded, not safetensors: its first 8 bytes announce a header of 9 bytes; "
    "the file has 8, and at most 7 are read": "m: é um pickle de Python, que nunca é aberto, e não safetensors: seus "
    "primeiros 8 bytes anunciam um cabeçalho de 9 bytes; o arquivo tem 8, e leem-se no máximo 7",
    "tensor 'a', 'b', 'c' and 45 more: missing, and config.json asks for it": (
        "tensor 'a', 'b', 'c' e mais 45: faltam, e config.json os pede"
    ),
    "nobody says so": "O motivo, em inglês: nobody says so",
}


@pytest.mark.parametrize("reason", EXAMPLES)
def test_a_reason_is_told(reason):
    assert told(reason, WORDS["pt-BR"]) == EXAMPLES[reason]


def put_together() -> Iterator[str]:
    """Reasons of which a part is said elsewhere than the rest, as they are said."""
    yield FileTokenizer(None).problem
    for first in (b"PK\x03\x04", b"\x80\x04", b"garbage"):
        with pytest.raises(WeightsError) as refused:
            _read_header(io.BytesIO(first.ljust(200, b"\xff")), 200, "model.safetensors")
        yield str(refused.value)
    for name in ("https://huggingface.co/a/b", "a b"):
        with pytest.raises(WeightsError) as refused:
            checked_repository(name)
        yield str(refused.value)
    tensors = [f"t{i}" for i in range(9)]
    for check in (_check_missing, lambda names: _check_unknown(names, ""), lambda names: _check_unknown(names, "h.")):
        with pytest.raises(WeightsError) as refused:
            check(tensors)
        yield str(refused.value)


def test_of_a_reason_no_part_is_told_in_english():
    """A Portuguese sentence had "(is a Python pickle, ...)" in its middle, and of many tensors "and 45 more"."""
    for reason in put_together():
        there = told(reason, WORDS["pt-BR"])
        assert not re.search(r"\b(an?|is|not|of|and|more|which|the|in ingl\w+)\b", re.sub(r"'[^']*'", "", there)), there
