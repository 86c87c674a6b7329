"""The words of one language: `labels.toml` for short texts, one Markdown file a page for prose.

Numbers inside a text follow the language too: 0.31 in English is 0,31 in Portuguese.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

CONTENT = Path(__file__).parent.parent / "content"
LANGUAGES = ("pt-BR", "en")
MINUS = "−"


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

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        return self._localized(text) if isinstance(value, (int, float)) else text

    def number(self, value: float, decimals: int = 2) -> str:
        """A number as this language writes it, with a true minus sign and never minus zero."""
        text = f"{value:.{decimals}f}"
        return self._localized("0" + text[2:] if float(text) == 0 and text.startswith("-") else text)

    def short(self, value: float) -> str:
        """A number without needless digits."""
        return self._localized(f"{value:.12g}")

    def _localized(self, text: str) -> str:
        text = text.replace("-", MINUS)
        return text.translate(str.maketrans(".,", ",.")) if self.comma else text

    def several(self, items: Iterable[str]) -> str:
        """`a`, `a and b`, `a, b and c`."""
        *most, last = items
        return f"{', '.join(most)} {self('and')} {last}" if most else last

    def prose(self, page: str) -> dict[str, str]:
        """The page's Markdown, by section: a section starts at a line `<!-- name -->`."""
        return _prose(self.lang, page)


@lru_cache
def words_of(lang: str) -> Words:
    return Words(lang)


@lru_cache
def _labels(lang: str) -> dict[str, str]:
    return dict(_flat(tomllib.loads((CONTENT / lang / "labels.toml").read_text("utf-8"))))


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
