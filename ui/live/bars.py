"""A row of shares as bars that a hand drags, beside the sliders that say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ui.live import compat

_BARS = compat.component_of("bars", "bars")


def draw(
    key: str, names: Sequence[str], shares: Sequence[int], texts: Sequence[str], on_drag: Callable[[int, int], None]
) -> None:
    """A bar for each name, of its share of len(texts) - 1, which `texts` writes. `on_drag` is called with the number of
    a bar and its new share, before the rerun that letting go causes. Without components.v2: nothing.
    """
    if compat.usable(_BARS):
        data = {"names": list(names), "shares": list(shares), "texts": list(texts), "whole": len(texts) - 1}
        _BARS(key=key, data=data, on_share_change=partial(_dragged, key, len(names), len(texts), on_drag))


def _dragged(key: str, bars: int, stops: int, on_drag: Callable[[int, int], None]) -> None:
    match compat.once(key, "share"):
        case [int(bar), int(share), int(_)] if bar in range(bars) and share in range(stops):
            on_drag(bar, share)
