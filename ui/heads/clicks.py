"""What a click on Heads means: a tile opens its head, a switch takes the head out or gives all back."""

from __future__ import annotations

from typing import Any

from pictures import stacks
from plots.tile_places import tile_at
from ui import state


def choose_tile(click: dict[str, Any]) -> None:
    """The head whose tile this is."""
    scene = state.scene()
    found = stacks.looks(scene)
    shape = (found.config.n_layers, found.config.n_heads, found.longest)
    if place := tile_at(float(click["x"]), float(click["y"]), shape):
        state.turn(layer=place[0], head=place[1])


def switch_off(off: bool) -> None:
    """The chosen head is off, or on again."""
    scene = state.scene()
    found = stacks.looks(scene)
    head = found.head(found.place)
    state.turn(ablated={*scene.ablated} | {head} if off else {*scene.ablated} - {head})


def all_on() -> None:
    state.turn(ablated=())
