"""Which parts of its model a Scene runs: fields of the Config that are overridden, and parts taken out or put back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import SceneError
from ..interventions import ADDED, MATRICES, TAKEN_OUT, parts_of
from ..kinds import Flag
from .fields import OFF, OVERRIDES

if TYPE_CHECKING:
    from .scene import Scene


@lru_cache(maxsize=256)  # a turn makes several Scenes of one Config, whose checks are half the work
def config_with(config: Config, overrides: tuple[tuple[str, int | bool | str], ...]) -> Config:
    """A Config with a Scene's overrides. Raises: ConfigError for those that do not fit together."""
    changes = dict(overrides)
    if changes.get("d_mlp", config.d_mlp) == 0:
        changes |= {"gated": False}
    changed = config.replace(**changes)
    return config if changed == config else changed  # one Config for all that change nothing


def overridden(scene: Scene, values: Mapping[str, int | bool | str]) -> Scene:
    """A copy with some of the Config's fields overridden; see Scene.override. Raises: SceneError, ConfigError."""
    for name, value in values.items():
        OVERRIDES.check_one(name, value)
    out = {part for change, part in TAKEN_OUT.items() if change in values.items()}
    back = {part for (name, _), part in TAKEN_OUT.items() if name in values}
    overrides = dict(scene.overrides) | {k: v for k, v in values.items() if (k, v) not in TAKEN_OUT}
    return scene.turn(
        overrides=tuple(sorted(overrides.items())),
        off=tuple(sorted(({*scene.off} - back) | out)),
    )


def switched(scene: Scene, parts: Mapping[str, bool]) -> Scene:
    """A copy with some parts in place or taken out; see Scene.switch. Raises: SceneError."""
    for part, on in parts.items():
        OFF.kind.check("off", part, SceneError)
        Flag().check(part, on, SceneError)
        scene = _in_place(scene, part) if on else scene.turn(off=tuple(sorted({*scene.off, part})))
    return scene


def _in_place(scene: Scene, part: str) -> Scene:
    scene = scene.turn(off=tuple(other for other in scene.off if other != part))
    if part in parts_of(scene.whole):
        return scene
    own = {"projections": scene.preset.config.projections}
    return scene.override(**(own if part in MATRICES else ADDED.get(part, {})))
