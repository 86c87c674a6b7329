"""Every colour of Fibra. Figures name colours by role ("@query", "@muted/0.4", "@probability"); the theme gives them.

Roles were picked in OKLCH at one lightness a mode, so that none shouts: at least 4.5:1 against the background, as
text needs. The sixteen head colours are at least 3:1, as marks need; neighbours differ in lightness too, so that the
first six stay apart for colour-blind readers. Both scales move in even steps of OKLab lightness, and their zero is
nearly the background: weight reads as ink on paper, or as light in the dark.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

FONT = '"Source Sans", "Source Sans Pro", "Segoe UI", "Noto Sans", system-ui, sans-serif'
FONT_SIZE = 13  # px: labels, and numbers in cells
TITLE_SIZE = 14  # px: axis titles
RING = ({"color": "@background", "width": 6}, {"color": "@gradient", "width": 3})  # around what is explained
GAP = 12  # px: the air around everything

LIGHT: dict[str, Any] = {
    "background": "#ffffff",
    "surface": "#f5f6fa",
    "text": "#1b1e28",
    "muted": "#5d6577",
    "grid": "#dfe3ec",
    "chosen": "#0b0d14",
    "query": "#2867e4",
    "key": "#cc2631",
    "value": "#038354",
    "attention": "#834cd4",
    "residual": "#636f83",
    "gradient": "#b85902",
    "probability": [
        [0.0, "#fdfcfd"],
        [0.125, "#e8d6fd"],
        [0.25, "#cfb2f4"],
        [0.375, "#b590e9"],
        [0.5, "#9b6fd9"],
        [0.625, "#7f4fc5"],
        [0.75, "#6431ac"],
        [0.875, "#4a118f"],
        [1.0, "#2f0067"],
    ],
    "signed": [
        [0.0, "#004daa"],
        [0.1, "#3470c6"],
        [0.2, "#6093dd"],
        [0.3, "#8db6f1"],
        [0.4, "#bfd9fe"],
        [0.5, "#fafbfe"],
        [0.6, "#f6ceb1"],
        [0.7, "#e1a57b"],
        [0.8, "#c97d48"],
        [0.9, "#ae5505"],
        [1.0, "#833b01"],
    ],
}
DARK: dict[str, Any] = {
    "background": "#0f1117",
    "surface": "#181b24",
    "text": "#e9ebf3",
    "muted": "#9ba3b5",
    "grid": "#2a2f3c",
    "chosen": "#ffffff",
    "query": "#7facfe",
    "key": "#ff817c",
    "value": "#2ccf88",
    "attention": "#b896fe",
    "residual": "#a0adc3",
    "gradient": "#ff9855",
    "probability": [
        [0.0, "#14141b"],
        [0.125, "#2a1f5a"],
        [0.25, "#472d8b"],
        [0.375, "#673fb7"],
        [0.5, "#8858da"],
        [0.625, "#a977f2"],
        [0.75, "#c79cff"],
        [0.875, "#e1c4ff"],
        [1.0, "#f7edff"],
    ],
    "signed": [
        [0.0, "#6ba5f3"],
        [0.1, "#5586c7"],
        [0.2, "#41689c"],
        [0.3, "#2f4c72"],
        [0.4, "#203149"],
        [0.5, "#18181a"],
        [0.6, "#452913"],
        [0.7, "#6c3e17"],
        [0.8, "#93561f"],
        [0.9, "#bc6f2b"],
        [1.0, "#e58939"],
    ],
}
# The gradient's own scale from nothing up: the signed one's upper half, whose colour is the gradient's.
for _palette in (LIGHT, DARK):
    _half = len(_palette["signed"]) // 2
    _palette["amount"] = [[round(2 * at - 1, 3), colour] for at, colour in _palette["signed"][_half:]]
HEADS_LIGHT = [
    "#3b82f0",
    "#d37600",
    "#f0468c",
    "#01966c",
    "#6f3ed0",
    "#be260e",
    "#017479",
    "#7a6c00",
    "#2b31ab",
    "#7a3d00",
    "#a051a5",
    "#016708",
    "#3698b7",
    "#940046",
    "#7b9802",
    "#534b63",
]
HEADS_DARK = [
    "#86c0ff",
    "#fea82e",
    "#ff77a5",
    "#5fffc4",
    "#a961f1",
    "#e65810",
    "#2cd6cc",
    "#bacc4f",
    "#5782fe",
    "#cd8644",
    "#d38fee",
    "#48ba70",
    "#b1e8fe",
    "#e34d81",
    "#c0fc64",
    "#9d9ab5",
]
LIGHT |= {f"head{i}": colour for i, colour in enumerate(HEADS_LIGHT)}
DARK |= {f"head{i}": colour for i, colour in enumerate(HEADS_DARK)}
INK_TURNS = {"probability": 0.52, "signed": 0.7}  # of a scale: from here on, @background is the ink that it carries
PALETTES = {"light": LIGHT, "dark": DARK}
HEADS = len(HEADS_LIGHT)
SCENE: dict[str, Any] = {  # the fibres: dark in both modes, so literal colours
    "background": "#05060e",
    "text": "#d3daf2",
    "muted": "#7d87ad",
    "plane": "#1a2244",
    "node": "#8fa6e8",
    "dim": "#1d2747",
    "heads": HEADS_DARK,
}


def head(index: int) -> str:
    """The colour token of a head; colours come round again after the sixteenth."""
    return f"@head{index % HEADS}"


def channels(colour: str) -> tuple[int, int, int]:
    """The red, green and blue of "#rrggbb", each in 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(1024)
def light(colour: str, brightness: float, white: float = 0.0) -> str:
    """`colour` as light for a 3-D trace: `brightness` times it, `white` (0..1) of the way to white.

    Light adds up. Plotly's 3-D scenes blend a transparent trace with (ONE, ONE_MINUS_SRC_ALPHA) and do not multiply
    its colour by its alpha: at an alpha of nearly zero, what is drawn is added to what is behind, as light is.
    """
    mixed = (channel + (255 - channel) * white for channel in channels(colour))
    red, green, blue = (min(255, round(channel * brightness)) for channel in mixed)
    return f"rgba({red}, {green}, {blue}, 0.004)"


def resolve(figure: dict[str, Any], mode: str) -> dict[str, Any]:
    """The same figure in the colours of `mode` ("light" or "dark"): a new dict, arrays shared.

    Raises KeyError for a token that the palette lacks.
    """
    palette = PALETTES[mode]

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [walk(value) for value in node]
        if isinstance(node, str) and node.startswith("@"):
            return _colour(node[1:], palette)
        return node

    return walk(figure)


def _colour(token: str, palette: dict[str, Any]) -> Any:
    name, slash, alpha = token.partition("/")
    if not slash:
        return palette[name]
    return f"rgba({', '.join(map(str, channels(palette[name])))}, {alpha})"
