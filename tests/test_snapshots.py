"""How each page looks, beside how it looked when it was last found good: first screens, small, with a tolerance.

`make test-snapshots` compares (some minutes, so it is no part of `make test`), and `make snapshots-renew` takes them
anew: look at what changed before you commit it. What is compared are colours of small squares, so that another
version of a font's hinting is no difference, and a button that moved is one. Fonts are the machine's: where others
are installed, renew first, and compare with that.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from pictures.pages import PAGES
from tests.chromium import settled
from tests.conftest import Watched

FOLDER = Path(__file__).parent / "snapshots"
RENEW = os.environ.get("FIBRA_SNAPSHOTS") == "renew"
Look = tuple[Literal["light", "dark"], int, int]  # a scheme, width and height
# In turn, of the same page: each width in both languages and both schemes.
LOOKS: dict[str, tuple[Look, ...]] = {
    "pt-BR": (("light", 1440, 900), ("dark", 1280, 720), ("light", 390, 844)),
    "en": (("dark", 1440, 900), ("light", 1280, 720), ("dark", 390, 844)),
}
SMALLER = 3  # times, each way
SQUARE = 8  # px of the small picture
DIFFERS = 14  # of 255: the mean of a square in some channel
SHARE = 0.005  # of the squares may differ

# In a tab that is still fetching Plotly a picture has its place before it is drawn.
DRAWN = """() => [...document.querySelectorAll(".fibra-plot")].every((plot) => {
  const { top, bottom } = plot.getBoundingClientRect();
  return bottom <= 0 || top >= innerHeight || plot.dataset.drawn;
})"""

pytestmark = pytest.mark.snapshots


def file_of(name: str, lang: str, look: Look) -> Path:
    return FOLDER / f"{name}-{lang}-{look[0]}-{look[1]}.webp"


def small(page: Page) -> Image.Image:
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    return shot.resize((shot.width // SMALLER, shot.height // SMALLER), Image.Resampling.BOX)


def squares(image: Image.Image) -> np.ndarray:
    """[row, column, channel]: the mean of each square."""
    pixels = np.asarray(image, np.float32)
    rows, columns = (size // SQUARE for size in pixels.shape[:2])
    whole = pixels[: rows * SQUARE, : columns * SQUARE]
    return whole.reshape(rows, SQUARE, columns, SQUARE, 3).mean((1, 3))


def share(one: Image.Image, other: Image.Image) -> float:
    """Of the squares, how many differ; all where the pictures have other sizes."""
    if one.size != other.size:
        return 1.0
    return float((np.abs(squares(one) - squares(other)).max(2) > DIFFERS).mean())


def compared(seen: Image.Image, file: Path) -> str:
    """What is wrong; what was seen then stands beside the file. "" where it looks as it did, or is taken anew."""
    if RENEW:
        file.parent.mkdir(exist_ok=True)
        seen.save(file, quality=70, method=6)
        return ""
    if not file.exists():
        return f"{file.name}: was never taken"
    with Image.open(file) as kept:
        found = share(seen, kept.convert("RGB"))
    if found <= SHARE:
        return ""
    seen.save(file.with_suffix(".seen.png"))
    return f"{file.name}: {found:.1%} of it looks different"


@pytest.mark.parametrize("lang", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_as_it_did(watched: Watched, app: str, name: str, lang: str) -> None:
    tab = watched.at(app, f"/{name}?lang={lang}", locale=lang, reduced_motion="reduce")
    wrong = []
    for look in LOOKS[lang]:
        scheme, width, height = look
        tab.emulate_media(color_scheme=scheme)
        tab.set_viewport_size({"width": width, "height": height})
        settled(tab, 400)
        tab.wait_for_function(DRAWN)
        settled(tab, 400)  # what was drawn last included
        wrong.append(compared(small(tab), file_of(name, lang, look)))
    assert not any(wrong), wrong


def test_of_a_page_that_is_gone_no_picture_is_left() -> None:
    pictures = {file_of(name, lang, look) for name in PAGES for lang, looks in LOOKS.items() for look in looks}
    assert {*FOLDER.glob("*.webp")} == pictures
