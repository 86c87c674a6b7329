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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from pathlib import Path
from string import Formatter
from typing import Any

from core.tokenizer.words import UNKNOWN
from plots.tokens import isolated, visible

CONTENT = Path(__file__).parent.parent / "content"
LANGUAGES = ("pt-BR", "en")
FILES = ("labels", "checks", "challenges")
MINUS = "−"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MILLION = 1e6
FORMS = re.compile(r"(?P<shown>[^|?]*)(?P<kind>[|?])(?P<forms>.*)", re.DOTALL)


class Words(Formatter):
    """`words("attention.lead", token="tem", weight=0.31)` looks up a label and fills it in."""

    def __init__(self, lang: str):
        self.lang = lang
        self.comma = lang == "pt-BR"
        self._labels = _labels(lang)

    def __call__(self, key: str, /, **values: Any) -> str:
        label = self._labels[key]
        return self.vformat(label, (), values) if values else label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and other.lang == self.lang

    def __hash__(self) -> int:
        return hash(self.lang)

    def parse(self, format_string: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Forms ride in the field's name: only the chosen one is filled in, and a "|" in a token cuts nothing."""
        for literal, field, spec, conversion in super().parse(format_string or ""):
            forms = spec and FORMS.fullmatch(spec)
            yield (literal, f"{field}:{spec}", "", None) if forms else (literal, field, spec, conversion)

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        name, _, spec = field_name.partition(":")
        value, used = super().get_field(name, args, kwargs)
        parts = FORMS.fullmatch(spec)
        if not parts:
            return value, used
        shown, kind, forms = parts.groups()
        if kind == "?":
            form = dict(pair.split("=", 1) for pair in alternatives(forms))[str(value)]
        else:
            form = self._agreeing(float(format(value, shown)) if shown else value, alternatives(forms))
        return self.vformat(form, args, kwargs), used

    def _agreeing(self, n: float, forms: list[str]) -> str:
        *none, one, many = forms
        if none and n == 0:
            return none[0]
        single = 0 < abs(n) < 2 if self.comma else abs(n) == 1
        return one if single else many

    def format_field(self, value: Any, format_spec: str) -> str:
        if not isinstance(value, Real):
            # It may be a token: a space, text from right to left, or the one for what a vocabulary lacks, which has a
            # name in each language. No text that a reader writes is one such token.
            value = self("token.unknown") if value == UNKNOWN else value
            return super().format_field(isolated(visible(value)) if isinstance(value, str) else value, format_spec)
        if isinstance(value, Integral) and not format_spec:
            format_spec = ","
        return self._localized(format(value, re.sub(r"(?<![,_\d])(\.\d+)?([f%])$", r",\1\2", format_spec)))

    def number(self, value: float, decimals: int = 2) -> str:
        """A number as this language writes it, with a true minus sign and never minus zero."""
        return self._localized(f"{value:,.{decimals}f}")

    def power(self, value: float) -> str:
        """A number in two digits and a power of ten, which no line breaks: 3.1 × 10⁻⁸."""
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{self.number(float(mantissa), 1)}\u00a0×\u00a010{str(int(exponent)).translate(RAISED)}"

    def scaled(self, value: float, decimals: int = 2, small: float = 0.01, large: float = 10_000) -> str:
        """A number of any size: with so many decimals, or below `small` and from `large` on with a power of ten."""
        return self.number(value, decimals) if value == 0 or small <= abs(value) < large else self.power(value)

    def short(self, value: float) -> str:
        """A number without needless digits."""
        return self.format_field(value, ",.12g")

    def amount(self, n: float) -> str:
        """A count in words that fit its size: `12,345`, `1.20 million`."""
        if n < MILLION:
            return self.format_field(n, ",.0f")
        millions = n / MILLION
        return self(
            "million", n=millions, text=self.number(millions, 2 if millions < 10 else 1 if millions < 100 else 0)
        )

    def _localized(self, text: str) -> str:
        if not re.search("[1-9a-z]", text):  # nothing is above or below zero by nothing
            text = text.lstrip("+-")
        text = text.replace("-", MINUS)
        return text.translate(str.maketrans(".,", ",.")) if self.comma else text

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
