"""The sizes that a reader may choose: those that fit the others. Nothing else is offered."""

from __future__ import annotations

from functools import lru_cache

from core import Config, ConfigError, Scene, SceneError
from core.limits import D_MODEL, HEADS, LAYERS

# Stops of the sliders. A head's width may be any small number, so that any number of heads from 1 to 16 can be reached:
# first a d_model that it divides, then the heads, then the d_model that is wanted.
WIDTHS = (*range(1, 17), *range(18, 33, 2), *range(40, 65, 8), 80, 96, 112, 128, 160, 192, 224, 256)
HIDDEN = (0, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@lru_cache
def offered(config: Config) -> dict[str, tuple[int, ...]]:
    """The values of each size that make a Config while all else stays, in rising order, the present one among them."""
    widths = [config.n_heads * width for width in WIDTHS if D_MODEL[0] <= config.n_heads * width <= D_MODEL[1]]
    return {
        "d_model": _fitting(config, "d_model", widths),
        "n_heads": _fitting(config, "n_heads", range(HEADS[0], HEADS[1] + 1)),
        "n_layers": tuple(range(LAYERS[0], LAYERS[1] + 1)),
        "d_mlp": tuple(sorted({*HIDDEN, config.d_mlp})),
    }


def _fitting(config: Config, size: str, values: list[int] | range) -> tuple[int, ...]:
    return tuple(value for value in sorted({*values, getattr(config, size)}) if _fits(config, size, value))


def _fits(config: Config, size: str, value: int) -> bool:
    try:
        config.replace(**{size: value})
    except ConfigError:
        return False
    return True


def takes(scene: Scene, field: str, value: str) -> bool:
    """Whether this model can have this value of a field: a trained one has learned no other weights."""
    try:
        scene.override(**{field: value})
    except (ConfigError, SceneError):
        return False
    return True
