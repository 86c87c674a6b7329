"""Both languages say the same things: the same keys, placeholders and sections of prose, and no leftovers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from ui.words import CONTENT, LANGUAGES, words_of

ROOT = CONTENT.parent
LABELS = {lang: words_of(lang)._labels for lang in LANGUAGES}


def placeholders(label: str) -> set[tuple[str, str]]:
    return {(name, spec) for _, name, spec, _ in Formatter().parse(label) if name is not None}


def test_keys_are_the_same():
    assert LABELS["pt-BR"].keys() == LABELS["en"].keys()


@pytest.mark.parametrize("key", sorted(LABELS["en"]))
def test_placeholders_are_the_same(key):
    assert placeholders(LABELS["pt-BR"][key]) == placeholders(LABELS["en"][key])
    assert all(label[key].strip() for label in LABELS.values())


def test_prose_has_the_same_files_and_sections():
    files = {lang: {path.name for path in (CONTENT / lang).glob("*.md")} for lang in LANGUAGES}
    assert files["pt-BR"] == files["en"] and files["en"]
    for name in files["en"]:
        sections = {lang: words_of(lang).prose(Path(name).stem) for lang in LANGUAGES}
        assert sections["pt-BR"].keys() == sections["en"].keys()
        assert all(len(text) > 200 for prose in sections.values() for text in prose.values()), name


def test_portuguese_is_not_english():
    """A label that is the same in both languages must be a name, a symbol, or a format."""
    same = {key for key in LABELS["en"] if LABELS["en"][key] == LABELS["pt-BR"][key]}
    shared = re.compile(
        r"quoted|block\.activation_names\..*|app\.title|shell\.languages\..*|.*symbol.*|.*_short|fibres\.axes.*|.*\.formula.*"
    )
    assert {key for key in same if not shared.fullmatch(key) and re.search(r"[a-zA-Z]{4,}", LABELS["en"][key])} <= {
        "attention.pattern",
        "start.parts.embed",
        "start.parts.tokens",
        *("attention.pattern", "compare.steps.pattern", "compare.changed", "knob.d_model"),
    }


def calls() -> set[str]:
    """Every key that the code looks up with a plain string."""
    keys = set()
    for path in [*ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "words"
            if called and node.args and isinstance(node.args[0], ast.Constant):
                keys.add(node.args[0].value)
    return keys


def test_every_key_that_is_looked_up_exists():
    assert calls() and calls() <= LABELS["en"].keys()


def test_no_words_for_the_reader_in_python():
    """Streamlit calls that show text get it from content/, never as a literal sentence."""
    shows = {
        "write",
        "markdown",
        "title",
        "header",
        "caption",
        "info",
        "warning",
        "error",
        "success",
        "button",
        "slider",
    }
    shows |= {"toggle", "selectbox", "radio", "checkbox", "expander", "text_input", "number_input", "metric", "say"}
    for path in [*ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in shows and node.args:
                first = node.args[0]
                literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
                assert not (literal and re.search(r"[A-Za-zÀ-ú]{3,}", first.value)), f"{path.name}:{node.lineno}"


def test_numbers_follow_the_language():
    english, portuguese = words_of("en"), words_of("pt-BR")
    assert english.number(-1234.5) == "−1234.50" and portuguese.number(-1234.5) == "−1234,50"
    assert english.number(-0.001) == "0.00" and portuguese.number(-0.001) == "0,00"
    assert portuguese.vformat("{x:.3f}", (), {"x": 0.5}) == "0,500"
    assert english.several(["a"]) == "a" and english.several(["a", "b", "c"]) == "a, b and c"
    assert portuguese.several(["a", "b"]) == "a e b"
