"""What a Scene may hold: the checks, and every part of it as text in a URL query, written and read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import limits
from ..config import CHOICES, TYPES
from ..errors import SceneError
from ..interventions import PARTS
from ..presets import PRESETS
from ..tasks import TASKS, Characters
from ..tokenizer.words import SPLITTERS

TASK_NAMES = (*TASKS, Characters.name)
TRAINED_SIZES = ("", "small", "medium", "large")  # "": the task's own
LANGUAGES = ("", "pt-BR", "en")  # "": the browser's
INSIDE = ("resid_pre", "norm", "attn_out", "resid_mid", "units", "mlp_out", "resid_post")  # of a block
STEPS = ("x", "q", "k", "v", "scores", "scores_scaled", "scores_masked", "pattern", "z")  # of attention
OWN_TEXT = re.compile(r"(text-[0-9a-f]{12})?")  # how a text of the reader's own is named, by its contents
PIN = "pin."  # begins the names of what a pinned Scene has of its own

# The Config's fields that a Scene may override, with the range of each size.
SIZES = {"d_model": limits.D_MODEL, "n_heads": limits.HEADS, "n_layers": limits.LAYERS, "d_mlp": limits.D_MLP}
SWITCHES = (
    *("causal", "scale", "residual", "projections", "gated"),
    *("positions", "norm", "norm_at", "activation", "init"),
)

# How a text is written on, with the range of each knob.
DRAWING = {
    "heat": limits.HEAT,
    "top_k": limits.TOP_K,
    "top_p": limits.TOP_P,
    "draw": limits.SEED,
    "new": limits.NEW_TOKENS,
    "step": limits.NEW_TOKENS,
}

Edit = tuple[int, int, float]  # position, dimension, value


@dataclass(frozen=True)
class Notice:
    """Something that was wrong with a query and what was done.

    code: "default" (the value is not what the field takes), "conflict" (it does not fit the other values), "gone" (a
    model that lived in a session that is over) and "trained" (not a size of this trained model), all shown by the
    field's default instead; "cut" (too many tokens), "long" (too many characters) and "long_target" (a
    continuation of too many); of what a reader typed, "blank" (an empty sentence) and "cell" (token
    `field`, dimension `right`, is no number); and "nowhere" (no page has this name, so that called `right` stands).
    """

    code: str
    field: str
    value: str
    right: str

    def __str__(self) -> str:
        if self.code in ("cut", "long", "long_target"):
            what = "tokens" if self.code == "cut" else "characters"
            return f"{self.field}: {self.value} {what} were cut to {self.right}"
        if self.code == "gone":
            return f"{self.field}: {self.value!r} is gone; the default is shown"
        if self.code == "trained":
            return f"{self.field}: {self.value!r} is not what this model was trained with, which is shown"
        if self.code == "conflict":
            return f"{self.field}: {self.value!r} does not fit the rest; the default is shown"
        return f"{self.field}: {self.value!r} is not {self.right}; the default is shown"


# --------------------------------------------------------------------------------------------------------- checks


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    if value not in choices:
        raise SceneError(f"{name}: {value!r} is not one of {', '.join(filter(None, choices))}", name)


def check_int(name: str, value: Any, bounds: tuple[int, int]) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not bounds[0] <= value <= bounds[1]:
        raise SceneError(f"{name}: {value!r} is not a whole number in {bounds[0]}..{bounds[1]}", name)


def check_float(name: str, value: Any, bounds: tuple[float, float]) -> None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not ok or not bounds[0] <= value <= bounds[1]:
        raise SceneError(f"{name}: {value!r} is not a number in {bounds[0]}..{bounds[1]}", name)


def check_override(name: str, value: Any) -> None:
    if name in SIZES:
        check_int(name, value, SIZES[name])
    elif name in CHOICES:
        check_choice(name, value, CHOICES[name])
    elif name not in SWITCHES or not isinstance(value, bool):
        raise SceneError(f"{name}: {value!r} cannot be overridden, or is not a yes or no", name)


# ---------------------------------------------------------------------------------------- reading and writing text


def _read_int(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ValueError(text)
    return int(text)


def _read_float(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{0,9}\.?[0-9]{0,20}(e-?[0-9]{1,3})?", text):
        raise ValueError(text)
    return float(text)


def _read_bool(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"


def _read_pairs(text: str) -> tuple[tuple[int, int], ...]:
    pairs = [part.split(".") for part in text.split(",")]
    return tuple(sorted({(_read_int(first), _read_int(second)) for first, second in pairs}))


def _write_pairs(pairs: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{a}.{b}" for a, b in pairs)


def _read_parts(text: str) -> tuple[str, ...]:
    parts = set(text.split(","))
    if not parts <= {*PARTS}:
        raise ValueError(text)
    return tuple(sorted(parts))


def _read_edits(text: str) -> tuple[Edit, ...]:
    edits = {}
    for part in text.split(","):
        cell, value = part.split(":")
        position, dimension = (_read_int(n) for n in cell.split("."))
        edits[position, dimension] = _read_float(value)
    return tuple((*cell, value) for cell, value in sorted(edits.items()))


def _write_float(value: float) -> str:
    return repr(value).removesuffix(".0")


_INT, _FLOAT, _TEXT = (_read_int, str), (_read_float, _write_float), (str, str)
CODECS: dict[str, tuple[Any, Any]] = {
    "model": _TEXT,
    "sentence": _TEXT,
    "split": _TEXT,
    "seed": _INT,
    "edits": (_read_edits, lambda edits: ",".join(f"{p}.{d}:{_write_float(v)}" for p, d, v in edits)),
    "temperature": _FLOAT,
    "ablated": (_read_pairs, _write_pairs),
    "off": (_read_parts, ",".join),
    **dict.fromkeys(("layer", "head", "query", "key", "focus", "lit", "stage", "dimension"), _INT),
    **dict.fromkeys(("heat", "top_p"), _FLOAT),
    **dict.fromkeys(("top_k", "draw", "new", "step"), _INT),
    "forced": (_read_pairs, _write_pairs),
    "target": _TEXT,
    "threshold": _FLOAT,
    "compared": _TEXT,
    "inside": _TEXT,
    **dict.fromkeys(("second", "solid"), (_read_bool, lambda value: str(int(value)))),
    "task": _TEXT,
    "size": _TEXT,
    "rate": _FLOAT,
    "batch": _INT,
    "run_seed": _INT,
    **dict.fromkeys(("moment", "played", "attempt"), _INT),
    "corpus": _TEXT,
    "lang": _TEXT,
}

RIGHT: dict[str, str] = {
    "model": ", ".join(PRESETS),
    "split": ", ".join(SPLITTERS),
    "lang": "pt-BR, en",
    "compared": ", ".join(STEPS),
    "inside": ", ".join(INSIDE),
    "seed": "{}..{}".format(*limits.SEED),
    "temperature": "{}..{}".format(*limits.TEMPERATURE),
    "threshold": "0..1",
    "second": "0, 1",
    "solid": "0, 1",
    "dimension": f"0..{limits.D_MODEL[1]}",
    "task": ", ".join(TASK_NAMES),
    "size": ", ".join(filter(None, TRAINED_SIZES)),
    "rate": "{}..{}".format(*limits.RATE),
    "batch": "{}..{}".format(*limits.BATCH),
    "run_seed": "{}..{}".format(*limits.SEED),
    "moment": "{}..{}".format(*limits.MOMENT),
    "played": f"{-limits.MOMENT[1]}..{limits.MOMENT[1]}",
    "attempt": "{}..{}".format(*limits.SEED),
    "corpus": "text-…",
    "edits": "position.dimension:value, …",
    "ablated": "layer.head, …",
    "off": ", ".join(PARTS),
    "forced": "position.token, …",
    "target": f"0..{limits.TARGET_CHARACTERS} characters",
    **{name: "{}..{}".format(*bounds) for name, bounds in (SIZES | DRAWING).items()},
    **{name: ", ".join(CHOICES[name]) if name in CHOICES else "0, 1" for name in SWITCHES},
}


def wrong(name: str, raw: str, code: str = "default") -> Notice:
    raw = str(raw)
    shown = raw if len(raw) <= 40 else raw[:39] + "…"
    return Notice(code, name, shown, RIGHT.get(name, f"0..{limits.TOKENS}"))


def read_override(name: str, text: str) -> int | bool | str:
    if TYPES[name] is bool:
        return _read_bool(text)
    value = text if name in CHOICES else _read_int(text)
    try:
        check_override(name, value)
    except SceneError as error:
        raise ValueError(text) from error
    return value


# ------------------------------------------------------------------------------------------------- the pinned Scene


def write_pin(pinned: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """The query of a pinned Scene, beside the present one's: only where they differ. "" stands for a default."""
    other = [name for name in (*pinned, *present) if pinned.get(name) != present.get(name)]
    return {"pin": "1"} | {PIN + name: pinned.get(name, "") for name in other}


def read_pin(query: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str] | None:
    """The pinned Scene's own query, whole again; None where nothing is pinned."""
    if query.get("pin") != "1":
        return None
    own = {name.removeprefix(PIN): str(value) for name, value in query.items() if name.startswith(PIN)}
    return {name: value for name, value in {**present, **own}.items() if value}
