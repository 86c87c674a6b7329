"""What a config.json says of rotary positions: their base, and how they were made to reach further.

Source: transformers' modeling_rope_utils.py. Since its version 5 all stands in one object, `rope_parameters`; before,
in `rope_scaling`, with the base beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import limits
from ..config import SCALINGS, RotaryScaling
from ..errors import ConfigError, WeightsError
from ..strict_json import quoted
from .fields import Fields

COMMON = ("rope_type", "type", "rope_theta", "partial_rotary_factor")
KEYS = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": (
        *("factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow"),
        *("mscale", "mscale_all_dim", "truncate"),
    ),
    "llama3": ("factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"),
}


@dataclass(frozen=True)
class Rope:
    """The base of the angles, how they are scaled, how many positions that leaves, and what else the object says."""

    base: float
    scaling: RotaryScaling | None
    n_ctx: int
    said: Fields


def rope(f: Fields, n_ctx: int, theta: str = "rope_theta") -> Rope:
    """n_ctx: max_position_embeddings; the dynamic kind reaches so many times further as its factor says.

    theta: the base's name, where it stands outside the object.
    Raises: WeightsError naming what is not implemented, or no number.
    """
    name = "rope_scaling" if f.get("rope_scaling") else "rope_parameters"
    values = f.get(name, {})
    if not isinstance(values, dict):
        f.refuse(name, "an object")
    kind = values.get("rope_type", values.get("type", "default"))
    if not isinstance(kind, str) or kind not in KEYS:
        raise WeightsError(f"config.json: {name}: rope_type {quoted(kind)} is not implemented; {', '.join(KEYS)} are")
    for key in values:
        if key not in (*COMMON, *KEYS[kind]):
            raise WeightsError(f"config.json: {name}: {quoted(key)} is not implemented")
    said = Fields(values, within=name)
    trained = said.size("original_max_position_embeddings", n_ctx)
    if (outside := f.size_if_any("original_max_position_embeddings")) is not None:
        trained = outside  # as transformers has it, for the kinds that ask
    base = said.number("rope_theta", f.number(theta, 10000.0))
    if kind not in SCALINGS:
        return Rope(base, None, n_ctx, said)
    if "factor" not in values:
        raise WeightsError(f"config.json: {name}: factor is missing")
    try:
        scaling = _scaling(kind, said, trained if kind in ("yarn", "llama3") else n_ctx, n_ctx)
    except ConfigError as error:
        raise WeightsError(f"config.json: {name}: {error}") from None
    if kind != "dynamic":
        return Rope(base, scaling, n_ctx, said)
    if (reach := n_ctx * scaling.factor) > limits.PARAMETERS:
        said.refuse("factor", f"one up to {limits.PARAMETERS / n_ctx:,.0f}")
    return Rope(base, scaling, math.floor(reach), said)


def _scaling(kind: str, said: Fields, trained: int, n_ctx: int) -> RotaryScaling:
    about: dict[str, Any] = {"kind": kind, "factor": said.number("factor", n_ctx / trained), "trained": trained}
    if kind == "llama3":
        slow, fast = said.number("low_freq_factor", math.inf), said.number("high_freq_factor", math.inf)
        about |= {"slow": slow, "fast": fast}
    if kind == "yarn":
        about |= {"slow": said.number("beta_slow", 1.0), "fast": said.number("beta_fast", 32.0)}
        about |= {"whole": said.flag("truncate", True), "magnitude": _magnitude(said, about["factor"])}
    return RotaryScaling(**about)


def _magnitude(said: Fields, factor: float) -> float:
    """Peng et al. 2023, eq. 22, where the file does not say it; DeepSeek's is a ratio of two such."""
    if said.get("attention_factor") is not None:
        return said.number("attention_factor", 1.0)

    def of(scale: float) -> float:
        return 0.1 * scale * math.log(factor) + 1 if factor > 1 else 1.0

    if said.get("mscale") and said.get("mscale_all_dim"):
        return of(said.number("mscale", 1.0)) / of(said.number("mscale_all_dim", 1.0))
    return of(1.0)
