"""Kinds of values: what an argument, or a field of a Scene, may be.

A kind says whether it takes a value, what would be right where it does not, and how a value is written in a link and
read from one. Nothing is made to fit: a wrong value is refused by the name it was given under.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite
from typing import Any

from .errors import ConfigError

SHOWN = 60  # characters of a wrong value that a message repeats
Raised = Callable[[str, str], Exception]  # (message, field at fault)


def shown(value: Any) -> str:
    """A wrong value as a message repeats it, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # what cannot even be shown, such as a whole number of ten thousand digits
        return f"this {type(value).__name__}"
    return cut(" ".join(text.split()), SHOWN)


def cut(text: str, most: int) -> str:
    """A text of so many characters, the last of them "…" where there were more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def finite(value: Any) -> bool:
    """Whether a number is finite."""
    try:
        return isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


class Kind(ABC):
    """What a value may be."""

    what: str  # what would be right, to whoever wrote the code: "a whole number in 0..9999"
    in_link = True  # whether a link says it under the field's own name

    @abstractmethod
    def takes(self, value: Any) -> bool:
        """Whether a value is of this kind."""

    def check(self, name: str, value: Any, error: Raised = ConfigError) -> None:
        """Raises: `error` naming the value's name, the value, and what would be right."""
        if not self.takes(value):
            raise error(f"{name}: {shown(value)} is not {self.what}", name)

    @property
    def right(self) -> str:
        """What would be right, to whoever wrote the link: "0..9999"."""
        return self.what

    def formed(self, value: Any) -> Any:
        """The value in the one form that is kept of it."""
        return value

    def read(self, text: str) -> Any:
        """What a link's text says. Raises: ValueError for what no value of this kind is written as."""
        return text

    def write(self, value: Any) -> str:
        """A value as a link's text."""
        return str(value)


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number of Python's own in low..high."""

    low: int = -(10**9)
    high: int = 10**9

    def takes(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"a whole number in {self.right}"

    @property
    def right(self) -> str:
        return f"{self.low}..{self.high}"

    def read(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise ValueError(text)
        return int(text)


@dataclass(frozen=True)
class Number(Kind):
    """A finite number of Python's own in low..high."""

    low: float = -inf
    high: float = inf

    def takes(self, value: Any) -> bool:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        return right and self.low <= value <= self.high and finite(value)

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"a number in {self.right}"

    @property
    def right(self) -> str:
        return f"{self.low}..{self.high}"

    def read(self, text: str) -> float:
        if not re.fullmatch(r"-?[0-9]{0,9}\.?[0-9]{0,20}(e-?[0-9]{1,3})?", text):
            raise ValueError(text)
        return float(text)

    def write(self, value: float) -> str:
        return repr(float(value)).removesuffix(".0")


@dataclass(frozen=True)
class Choice(Kind):
    """One of some words; "" may be one of them, and is not offered."""

    options: Collection[str]
    beginning: tuple[str, ...] = ()  # words that begin so are right too

    def takes(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        return value in self.options or value.startswith(self.beginning)

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"one of {self.right}"

    @property
    def right(self) -> str:
        return ", ".join(filter(None, self.options))


@dataclass(frozen=True)
class Flag(Kind):
    """Yes or no."""

    what = "a yes or no: True or False"

    def takes(self, value: Any) -> bool:
        return isinstance(value, bool)

    @property
    def right(self) -> str:
        return "0, 1"

    def read(self, text: str) -> bool:
        if text not in ("0", "1"):
            raise ValueError(text)
        return text == "1"

    def write(self, value: bool) -> str:
        return str(int(value))


@dataclass(frozen=True)
class Text(Kind):
    """A text that `fits` gives back unchanged. form: what is made of one before it is looked at."""

    what: str = "a text"
    told: str = "a text"  # `right`
    fits: Callable[[str], str] = str
    form: Callable[[str], str] = str

    @property
    def right(self) -> str:
        return self.told

    def takes(self, value: Any) -> bool:
        return isinstance(value, str) and self.fits(value) == value

    def formed(self, value: Any) -> Any:
        return self.form(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Name(Kind):
    """A name that a pattern describes, or "" for none."""

    pattern: str
    example: str

    @property
    def right(self) -> str:
        return self.example

    def takes(self, value: Any) -> bool:
        return isinstance(value, str) and (not value or re.fullmatch(self.pattern, value) is not None)

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"a name such as {self.example}"


@dataclass(frozen=True)
class Maybe(Kind):
    """A value of some kind, or None."""

    kind: Kind

    def takes(self, value: Any) -> bool:
        return value is None or self.kind.takes(value)

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"{self.kind.what}, or None"

    @property
    def right(self) -> str:
        return self.kind.right

    def read(self, text: str) -> Any:
        return self.kind.read(text)

    def write(self, value: Any) -> str:
        return self.kind.write(value)


@dataclass(frozen=True)
class Several(Kind):
    """Some of a kind's values, sorted, each once."""

    kind: Kind

    def takes(self, value: Any) -> bool:
        if not isinstance(value, tuple) or not all(map(self.kind.takes, value)):
            return False
        return sorted(set(value)) == list(value)

    def check(self, name: str, value: Any, error: Raised = ConfigError) -> None:
        for one in value if isinstance(value, tuple) else ():
            self.kind.check(name, one, error)
        super().check(name, value, error)

    @property
    def what(self) -> str:  # type: ignore[override]
        return f"a tuple, sorted, each once, of {self.kind.what.removeprefix('one of ')}"

    @property
    def right(self) -> str:
        return self.kind.right

    def read(self, text: str) -> tuple[Any, ...]:
        values = [self.kind.read(part) for part in text.split(",")]
        if not all(map(self.kind.takes, values)):
            raise ValueError(text)
        return tuple(sorted(set(values)))

    def write(self, value: Iterable[Any]) -> str:
        return ",".join(map(self.kind.write, value))


@dataclass(frozen=True)
class Rows(Kind):
    """Rows of some columns each, sorted; of what the first `keys` columns say, there is one row.

    columns: name -> kind. joints: what stands between the columns in a link, a sign each. optional: whether a row may
    do without the last column.
    """

    columns: dict[str, Kind]
    joints: str
    keys: int
    most: int = 10**9
    optional: bool = False

    def gathered(self, value: Any) -> Any:
        """Rows in any order, or in a set, as the sorted tuple that they are kept as; what are no rows, as it is."""
        try:
            return tuple(sorted(value))
        except TypeError:
            return value

    def takes(self, value: Any) -> bool:
        return self._fault(value) is None

    def check(self, name: str, value: Any, error: Raised = ConfigError) -> None:
        if fault := self._fault(value):
            raise error(f"{name}: {fault}", name)

    def _fault(self, value: Any) -> str | None:
        n, kinds = len(self.columns), [*self.columns.values()]
        sizes = {n - self.optional, n}
        if not isinstance(value, tuple) or not all(isinstance(row, tuple) and len(row) in sizes for row in value):
            return f"{shown(value)} is not {self.what}"
        for row in value:
            for kind, cell in zip(kinds, row, strict=False):
                if not kind.takes(cell):
                    return f"{shown(cell)} is not {kind.what}"
        if len(value) > self.most or sorted({row[: self.keys]: row for row in value}.values()) != list(value):
            most = f", at most {self.most}" if self.most < 10**9 else ""
            return f"must be sorted, each {' and '.join([*self.columns][: self.keys])} once{most}"
        return None

    @cached_property
    def what(self) -> str:  # type: ignore[override]
        *names, last = self.columns
        row = ", ".join((*names, last))
        return f"a tuple of tuples ({row})" + (f" or ({', '.join(names)})" if self.optional else "")

    @property
    def right(self) -> str:
        *names, last = self.columns
        joints, joint = self.joints[:-1], self.joints[-1]
        row = "".join(name + between for name, between in zip(names, (*joints, ""), strict=True))
        row = f"{row}[{joint}{last}], …" if self.optional else f"{row}{joint}{last}, …"
        told = [f"{name} {kind.right}" for name, kind in self.columns.items() if kind not in (Whole(), Number())]
        return "; ".join([row, *told] + [f"≤ {self.most}"] * (self.most < 10**9))

    def read(self, text: str) -> tuple[tuple[Any, ...], ...]:
        rows = {}
        for part in text.split(","):
            row, rest = [], part
            for at, joint in enumerate(self.joints, 1):
                cell, found, after = rest.partition(joint)
                if not found and self.optional and at == len(self.joints):
                    break
                if not found:
                    raise ValueError(text)
                row.append(cell)
                rest = after
            cells = tuple(kind.read(cell) for kind, cell in zip(self.columns.values(), (*row, rest), strict=False))
            rows[cells[: self.keys]] = cells
        return tuple(sorted(rows.values()))

    def write(self, value: Iterable[tuple[Any, ...]]) -> str:
        return ",".join(map(self._row, value))

    def _row(self, row: tuple[Any, ...]) -> str:
        cells = [kind.write(cell) for kind, cell in zip(self.columns.values(), row, strict=False)]
        joints = self.joints[: len(cells) - 1]
        return "".join(cell + joint for cell, joint in zip(cells, (*joints, ""), strict=True))
