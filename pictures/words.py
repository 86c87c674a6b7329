"""The words of one language: TOML for short texts (FILES), one Markdown file a page for prose.

Numbers inside a text follow the language: 1,234.5 in English is 1.234,5 in Portuguese, and 0 has no sign. Words agree
with them: `{n} {n:|token|tokens}` takes the form for one or for many, `{n:|no token|a token|tokens}` has one for none
as well. By the language's own rule: one is exactly 1 in English, and in Portuguese whatever lies between 0 and 2 ("1,5
milhão"). Where a number is shown rounded, the form follows what is shown: `{x:.2f} {x:.2f|token|tokens}`. And
`{unit:?word=palavra|token=token}` chooses by a value.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from numbers import Integral, Real
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from core.tokenizer.words import UNKNOWN
from plots.tokens import isolated, visible

CONTENT = Path(__file__).parent.parent / "content"
LANGUAGES = ("pt-BR", "en")
FILES = ("labels", "checks", "challenges", "refusals")
MINUS = "−"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MILLION = 1e6
COMMA = str.maketrans(".,", ",.")
ANY = re.compile("[1-9a-z]")
UNGROUPED = re.compile(r"(?<![,_\d])(\.\d+)?([f%])$")
FORMS = re.compile(r"(?P<shown>[^|?]*)(?P<kind>[|?])(?P<forms>.*)", re.DOTALL)


class Field(NamedTuple):
    """A place in a text: the value's name and format, or how a value chooses among forms: "|" by a number, "?" by
    what it is."""

    name: str
    spec: str
    kind: str = ""
    forms: tuple[str, ...] = ()


class Words:
    """`words("attention.lead", token="tem", weight=0.31)` looks up a label and fills it in."""

    def __init__(self, lang: str):
        self.lang = lang
        self.comma = lang == "pt-BR"
        self._labels = _labels(lang)

    def __call__(self, key: str, /, **values: Any) -> str:
        label = self._labels[key]
        return self.filled(label, values) if values else label

    def under(self, prefix: str) -> dict[str, str]:
        """The labels whose keys begin so."""
        return {key: label for key, label in self._labels.items() if key.startswith(prefix)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and other.lang == self.lang

    def __hash__(self) -> int:
        return hash(self.lang)

    def filled(self, text: str, values: Mapping[str, Any]) -> str:
        """The text with the values in their places; of forms, the chosen one alone is filled in."""
        return "".join([part if isinstance(part, str) else self._field(part, values) for part in _parts(text)])

    def _field(self, field: Field, values: Mapping[str, Any]) -> str:
        value = values[field.name]
        if not field.kind:
            return self.written(value, field.spec)
        if field.kind == "?":
            form = dict(pair.split("=", 1) for pair in field.forms)[str(value)]
        else:
            form = self._agreeing(float(format(value, field.spec)) if field.spec else value, field.forms)
        return self.filled(form, values)

    def _agreeing(self, n: float, forms: Sequence[str]) -> str:
        *none, one, many = forms
        if none and n == 0:
            return none[0]
        single = 0 < abs(n) < 2 if self.comma else abs(n) == 1
        return one if single else many

    def written(self, value: Any, spec: str) -> str:
        """A value as this language writes it, in the format `spec`."""
        if isinstance(value, str):
            # It may be a token: a space, text from right to left, or the one for what a vocabulary lacks, which has a
            # name in each language. No text that a reader writes is one such token.
            return format(isolated(visible(self("token.unknown") if value == UNKNOWN else value)), spec)
        if not isinstance(value, (float, int, Real)):  # mostly one of the first two, which is soon told
            return format(value, spec)
        if not spec and isinstance(value, (int, Integral)):
            spec = ","
        return self._localized(format(value, _grouped(spec)))

    def number(self, value: float, decimals: int = 2) -> str:
        """A number as this language writes it, with a true minus sign and never minus zero."""
        return self._localized(f"{value:,.{decimals}f}")

    def power(self, value: float, decimals: int = 1) -> str:
        """A number in few digits and a power of ten, which no line breaks: 3.1 × 10⁻⁸."""
        mantissa, _, exponent = f"{value:.{decimals}e}".partition("e")
        return f"{self.number(float(mantissa), decimals)}\u00a0×\u00a010{str(int(exponent)).translate(RAISED)}"

    def scaled(self, value: float, decimals: int = 2, small: float = 0.01, large: float = 10_000) -> str:
        """A number of any size: with so many decimals, or below `small` and from `large` on with a power of ten."""
        return self.number(value, decimals) if value == 0 or small <= abs(value) < large else self.power(value)

    def short(self, value: float) -> str:
        """A number without needless digits."""
        return _short(self, value)

    def amount(self, n: float) -> str:
        """A count in words that fit its size: `12,345`, `1.20 million`."""
        if n < MILLION:
            return self.written(n, ",.0f")
        millions = n / MILLION
        return self(
            "million", n=millions, text=self.number(millions, 2 if millions < 10 else 1 if millions < 100 else 0)
        )

    def _localized(self, text: str) -> str:
        if not ANY.search(text):  # nothing is above or below zero by nothing
            text = text.lstrip("+-")
        text = text.replace("-", MINUS)
        return text.translate(COMMA) if self.comma else text

    def several(self, items: Iterable[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        *most, last = map(isolated, items)
        return f"{', '.join(most)} {self('and')} {last}" if most else last

    def prose(self, page: str) -> dict[str, str]:
        """The page's Markdown, by section: a section starts at a line `<!-- name -->`."""
        return _prose(self.lang, page)


def capital(text: str) -> str:
    """The text as a sentence begins: its first letter a capital, the others as they are."""
    return text[:1].upper() + text[1:]


def alternatives(forms: str) -> list[str]:
    """`a|b {n:|c|d}` -> `a`, `b {n:|c|d}`: the bars of a form within a form are its own."""
    depth, found = 0, [""]
    for letter in forms:
        depth += (letter == "{") - (letter == "}")
        found, letter = ([*found, ""], "") if letter == "|" and not depth else (found, letter)
        found[-1] += letter
    return found


@cache  # as many as the labels and their forms
def _parts(text: str) -> tuple[str | Field, ...]:
    """A text's parts: what stands there, and the fields between. A "|" in a token cuts nothing: what is filled in is
    not parsed."""
    parts: list[str | Field] = []
    for literal, name, spec, _ in Formatter().parse(text):
        parts += [literal] if literal else []
        if name is not None:
            forms = FORMS.fullmatch(spec or "")
            shown, kind, choices = forms.groups() if forms else (spec or "", "", "")
            parts.append(Field(name, shown, kind, tuple(alternatives(choices)) if kind else ()))
    return tuple(parts)


@cache  # as many as the labels' formats
def _grouped(spec: str) -> str:
    """The format with thousands set apart."""
    return UNGROUPED.sub(r",\1\2", spec)


@lru_cache(maxsize=4096)  # each stop of a slider, each time that it is drawn
def _short(words: Words, value: float) -> str:
    return words.written(value, ",.12g")


@lru_cache
def words_of(lang: str) -> Words:
    return Words(lang)


@lru_cache
def _labels(lang: str) -> dict[str, str]:
    files = (CONTENT / lang / f"{name}.toml" for name in FILES)
    return {key: text for file in files for key, text in _flat(tomllib.loads(file.read_text("utf-8")))}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


@lru_cache
def _prose(lang: str, page: str) -> dict[str, str]:
    parts = re.split(r"^<!-- (\w+) -->\n", (CONTENT / lang / f"{page}.md").read_text("utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
