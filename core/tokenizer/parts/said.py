"""Parts of a tokenizer.json as they stand there: an object with a `type`, and fields that this type has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import WeightsError
from ...strict_json import quoted

FILE = "tokenizer.json"
STEPS = 16  # that a text goes through; published files have up to eight
SHORT = 64  # letters of what is put in place of others, or before a text


class Said:
    """The fields of one part. Raises: WeightsError for a value of another type than asked for."""

    def __init__(self, values: Mapping[str, Any], at: str):
        self.values = values
        self.at = at

    def get(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        """The value; the default where it is absent or null."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise WeightsError(f"{self.at}: {name}: {quoted(value)} is not what belongs there")
        return value

    def text(self, name: str, default: str = "") -> str:
        return str(self.get(name, str, default))

    def flag(self, name: str, default: bool) -> bool:
        return bool(self.get(name, bool, default))

    def short(self, name: str, default: str = "") -> str:
        """A text that is put in again and again. Raises: WeightsError for one that would make a text too long."""
        if len(said := self.text(name, default)) > SHORT:
            raise WeightsError(f"{self.at}: {name}: has {len(said):,} letters; at most {SHORT} are put in")
        return said

    def whole(self, name: str, default: int) -> int:
        return int(self.get(name, int, default))

    def refuse(self, name: str, usual: Any = None) -> None:
        """Raise WeightsError where a field that would change the tokens has another value than the usual one."""
        if self.values.get(name) not in (None, False, usual):
            raise WeightsError(f"{self.at}: {name}: {quoted(self.values[name])} is not implemented")


Maker = Callable[[Said], Any]


def made(value: Any, what: str, makers: Mapping[str, Maker]) -> Any:
    """What a part does. Raises: WeightsError for one that is not implemented, by its name."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in makers:
        raise WeightsError(f"{FILE}: {what}: {quoted(kind)} is not implemented; {', '.join(makers)} are")
    return makers[kind](Said(value, f"{FILE}: {what} {kind}"))


def several(said: Said, name: str, what: str, makers: Mapping[str, Maker]) -> list[Any]:
    """What the parts of a Sequence do, in turn."""
    return [made(part, what, makers) for part in said.get(name, list, [])]


def check_short(value: Any, what: str) -> None:
    """Raises: WeightsError for a part of more than STEPS, however they are nested."""
    n, left = 0, [value]
    while left:
        one = left.pop()
        n += isinstance(one, dict) and "type" in one
        left += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    if n > STEPS:
        raise WeightsError(f"{FILE}: {what}: has {n:,} parts; at most {STEPS} are read")
