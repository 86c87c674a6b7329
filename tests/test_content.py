"""Both languages say the same things: the same keys, placeholders and sections of prose, and no leftovers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from pictures.words import CONTENT, FORMS, LANGUAGES, alternatives, words_of

ROOT = CONTENT.parent
LABELS = {lang: words_of(lang)._labels for lang in LANGUAGES}


def fields(label: str) -> list[tuple[str, str]]:
    """Every placeholder and its spec; those inside the forms of a word too."""
    found = [(name, spec) for _, name, spec, _ in Formatter().parse(label) if name is not None]
    return found + [inner for _, spec in found for inner in fields(spec)]


def placeholders(label: str) -> set[tuple[str, str]]:
    """What a label is filled with. A word's forms are the language's own; what a choice chooses between is not."""
    plain = {(name, "" if FORMS.fullmatch(spec) else spec) for name, spec in fields(label)}
    choices = [(name, spec[1:]) for name, spec in fields(label) if spec.startswith("?")]
    return plain | {(name, pair.split("=", 1)[0]) for name, forms in choices for pair in alternatives(forms)}


def test_keys_are_the_same():
    assert LABELS["pt-BR"].keys() == LABELS["en"].keys()


@pytest.mark.parametrize("subject", sorted({key.partition(".")[0] for key in LABELS["en"]}))
def test_placeholders_are_the_same(subject):
    for key in LABELS["en"]:
        if key.partition(".")[0] == subject:
            assert placeholders(LABELS["pt-BR"][key]) == placeholders(LABELS["en"][key]), key
            assert all(label[key].strip() for label in LABELS.values()), key


def test_prose_has_the_same_files_and_sections():
    files = {lang: {path.name for path in (CONTENT / lang).glob("*.md")} for lang in LANGUAGES}
    assert files["pt-BR"] == files["en"] and files["en"]
    for name in files["en"]:
        sections = {lang: words_of(lang).prose(Path(name).stem) for lang in LANGUAGES}
        assert sections["pt-BR"].keys() == sections["en"].keys()
        assert all(len(text) > 200 for prose in sections.values() for text in prose.values()), name


FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)
TEXT = re.compile(r"\\text\{[^}]*\}")


@pytest.mark.parametrize("path", sorted(CONTENT.glob("*/*.md")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_in_a_formula_words_are_text(path):
    """KaTeX knows no accents in its math, and complains of each to the console."""
    for formula in FORMULA.finditer(path.read_text("utf-8")):
        assert TEXT.sub("", formula[0]).isascii(), formula[0]


def test_portuguese_is_not_english():
    """A label that is the same in both languages must be a name, a symbol, or a format."""
    same = {key for key in LABELS["en"] if LABELS["en"][key] == LABELS["pt-BR"][key]}
    shared = re.compile(
        r"quoted|block\.activation_names\..*|app\.title|shell\.languages\..*|glossary\.words\..*|.*symbol.*|.*_short|fibres\.axes.*|reading\.(queries|keys)|generate\.votes\.(bar_word|ln_embed|embed|logit|unembed)|explain\.(axes\.(query|key|vocab)|names\.(embed|logits|attn\.(q|k|v|scores)))|.*\.formula.*|.*\.hover|cut\.edge|cause\.named|takeaway\.files\.lens"
    )
    assert {key for key in same if not shared.fullmatch(key) and re.search(r"[a-zA-Z]{4,}", LABELS["en"][key])} <= {
        "attention.pattern",
        *("start.parts.embed", "backward.embeddings"),
        "start.parts.tokens",
        "start.parts.logits",
        *("attention.pattern", "compare.steps.pattern", "compare.changed", "knob.d_model"),
    }


def test_portuguese_calls_a_thing_by_one_name():
    """What was *a MLP*, *viés*, *produto escalar* here was *o MLP*, *bias*, *produto interno* on another page."""
    other = re.compile(r"\b([Oo]s?|[Uu]m|[DdNn]os?|[Nn]um|[Aa]o|[Pp]elo) (MLPs?|Fibra)\b|\bbias\b|produto interno")
    texts = {
        path: path.read_text("utf-8") for path in (CONTENT / "pt-BR").rglob("*") if path.suffix in (".toml", ".md")
    }
    assert len(texts) > 10
    assert [(path.name, found[0]) for path, text in texts.items() for found in other.finditer(text)] == []


def calls() -> set[str]:
    """Every key that the code looks up with a plain string."""
    keys = set()
    for path in [*ROOT.glob("pictures/**/*.py"), *ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "words"
            if called and node.args and isinstance(node.args[0], ast.Constant):
                keys.add(node.args[0].value)
    return keys


def test_no_list_of_choices_speaks_english_when_it_is_emptied():
    """Without a placeholder Streamlit has one of its own."""
    lists = [
        node
        for path in [*ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py")]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and "selectbox" in [getattr(part, "attr", "") for part in (node.func, *node.args)]
    ]
    assert len(lists) >= 8
    assert [ast.unparse(node) for node in lists if "placeholder" not in {more.arg for more in node.keywords}] == []


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
    for path in [*ROOT.glob("pictures/**/*.py"), *ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in shows and node.args:
                first = node.args[0]
                literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
                assert not (literal and re.search(r"[A-Za-zÀ-ú]{3,}", first.value)), f"{path.name}:{node.lineno}"


def test_numbers_follow_the_language():
    english, portuguese = words_of("en"), words_of("pt-BR")
    assert english.number(-1234.5) == "−1,234.50" and portuguese.number(-1234.5) == "−1.234,50"
    assert english.number(-0.001) == "0.00" and portuguese.number(-0.001) == "0,00"
    assert portuguese.filled("{x:.3f}", {"x": 0.5}) == "0,500"
    assert english.several(["a"]) == "a" and english.several(["a", "b", "c"]) == "a, b and c"
    assert portuguese.several(["a", "b"]) == "a e b"


def said(lang: str, label: str, **values) -> str:
    return words_of(lang).filled(label, values)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_thousands_are_written_alike_whatever_the_number_is(lang):
    written = "1.234" if lang == "pt-BR" else "1,234"
    words = words_of(lang)
    for n in (1234, np.int64(1234)):
        assert said(lang, "{n}", n=n) == words.short(n) == words.amount(n) == words.number(n, 0) == written
    for x in (1234.0, np.float32(1234)):
        assert said(lang, "{x:.0f}", x=x) == words.number(x, 0) == written
        assert said(lang, "{x:.1f}", x=x) == words.number(x, 1) == written + words.number(0, 1)[1:]
    assert said(lang, "#{id:d}", id=1234) == "#1234"  # a name, not a quantity


@pytest.mark.parametrize("lang", LANGUAGES)
def test_zero_has_no_sign(lang):
    for x in (-0.0, -0.001, np.float32(-0.0), 0.001):
        signs = said(lang, "{x:.2f}{x:+.2f}{x:.1%}", x=x / 10) + words_of(lang).number(x)
        assert not set(signs) & set("+-−"), signs
    assert said(lang, "{x:.2f}{x:+.1f}", x=-0.01).count("−") == 1


def test_words_agree_with_numbers():
    label = "{n} {n:|token|tokens}"
    for n, english, portuguese in [(0, "0 tokens", "0 tokens"), (1, "1 token", "1 token"), (2, "2 tokens", "2 tokens")]:
        assert said("en", label, n=n) == english and said("pt-BR", label, n=np.int64(n)) == portuguese
    assert said("en", "{x:|it|they}", x=1.5) == "they" and said("pt-BR", "{x:|ele|eles}", x=1.5) == "ele"
    assert said("en", "{x:.1f|it|they}", x=1.04) == "it" and said("en", "{x:.1f|it|they}", x=1.06) == "they"
    assert said("pt-BR", "{x:.1f|ele|eles}", x=1.96) == "eles"  # 2,0 stands there
    assert said("en", "{n:|nobody|“{t}”|{n} words}", n=0, t="a|b") == "nobody"
    assert said("en", "{n:|nobody|“{t}”|{n} words}", n=1, t="a|b?{n}") == "“a|b?{n}”"
    assert said("en", "{n:|nobody|“{t}”|{n} words}", n=2000, t="") == "2,000 words"
    assert said("en", "{unit:?word=a word|token={n} {n:|token|tokens}}", unit="token", n=1) == "1 token"
    assert said("en", "{off:?True=off|False=on}", off=False) == "on"
    with pytest.raises(KeyError):
        said("en", "{unit:?word=word|token=token}", unit="syllable")


def test_large_counts():
    english, portuguese = words_of("en"), words_of("pt-BR")
    assert english.amount(3200) == "3,200" and portuguese.amount(3200) == "3.200"  # never "0.00 million"
    edges = [english.amount(n) for n in (999_999, 1e6, 1e7, 1e8)]
    assert edges == ["999,999", "1.00 million", "10.0 million", "100 million"]
    assert english.amount(1.5e6) == "1.50 million" and portuguese.amount(1.5e6) == "1,50 milhão"
    assert portuguese.amount(2.5e6) == "2,50 milhões" and portuguese.amount(1.234e9) == "1.234 milhões"
