"""The READMEs' pictures, taken anew from the running app: pages as they are, and fibres that move.

    python -m deploy.pictures               # all of them, some minutes
    python -m deploy.pictures --only start

Look at each before you commit it. What moves is what a reader does: the layers are lit one by one, and the scene is
turned to and fro by the mouse.
"""

from __future__ import annotations

import argparse
import io
from math import pi, sin
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from core import Scene
from tests.chromium import ARGUMENTS, WAIT, WIRE, executable, serve, settled

DOCS = Path(__file__).parents[1] / "docs"
SIZE = {"width": 1440, "height": 900}
COLOURS = 256  # of a still picture: a third of its bytes
FRAMES, FRAME = 48, 100  # of the one that moves, and how many ms each stands
SWING = 30  # px: how far the mouse turns the scene to either side
EMPTY = (0.08, 0.6)  # of the scene's width and height: there is no fibre that the mouse could mean
READY = 1500  # ms, until a scene that was drawn anew lets itself be turned
LIT = 8  # frames until the next layer is lit
WIDTH = 760  # px, of the one that moves
STORIES = {"en": "the seals near the penguin are tired", "pt-BR": "as focas perto do pinguim estão cansadas"}
PENGUINS = {"en": "penguins have no knees", "pt-BR": ""}
STILLS = {
    lang: {
        "start": Scene(model="gpt", sentence=PENGUINS[lang]),
        "attention": Scene(),
        "generate": Scene(model="stories", sentence=STORIES[lang]),
        "translate": Scene(model="translator"),
    }
    for lang in STORIES
}


def file_of(name: str, lang: str, kind: str = "png") -> Path:
    """Where a picture of the README of this language lies."""
    return DOCS / (f"{name}.{kind}" if lang == "en" else f"{name}.{lang}.{kind}")


def address_of(name: str, scene: Scene, lang: str) -> str:
    return f"/{'' if name == 'start' else name}?{urlencode(scene.to_query() | {'lang': lang})}"


def still(tab: Page, file: Path) -> None:
    """The first screen of the page that is open."""
    shot = Image.open(io.BytesIO(tab.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    shot.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def moving(tab: Page, file: Path, n_layers: int) -> None:
    """The scene of the page that is open: dark, then lit layer by layer, and turned to and fro meanwhile."""
    scene = tab.locator(".fibra-plot").first
    knob = tab.locator("[class*='st-key-knob-layers_lit']").get_by_role("slider")
    tab.add_style_tag(content=".fibra-tools { visibility: hidden }")
    box = scene.bounding_box()
    assert box is not None
    x, y = box["x"] + EMPTY[0] * box["width"], box["y"] + EMPTY[1] * box["height"]
    frames = []
    for lit in range(n_layers + 1):
        knob.press("ArrowRight" if lit else "Home")
        settled(tab)
        tab.wait_for_timeout(READY)
        begin, end = lit * LIT, FRAMES if lit == n_layers else (lit + 1) * LIT
        tab.mouse.move(x + turned(begin), y)
        tab.mouse.down()
        for frame in range(begin, end):
            tab.mouse.move(x + turned(frame), y, steps=2)
            settled(tab)
            shot = Image.open(io.BytesIO(scene.screenshot(animations="disabled"))).convert("RGB")
            frames.append(shot.resize((WIDTH, round(WIDTH * shot.height / shot.width)), Image.Resampling.LANCZOS))
        tab.mouse.move(x + turned(end), y, steps=2)
        tab.mouse.up()
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=FRAME, loop=0, quality=45, method=6)


def turned(frame: int) -> float:
    """How many px to the right the mouse has turned the scene: after all frames it stands as it stood."""
    return SWING * sin(2 * pi * frame / FRAMES)


def main() -> None:
    """Take them, in both languages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=(*STILLS["en"], "fibres"), help="one of them")
    only = parser.parse_args().only
    with sync_playwright() as playwright, serve() as app:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        for lang, stills in STILLS.items():
            context = browser.new_context(viewport=SIZE, locale=lang, color_scheme="light", reduced_motion="reduce")
            context.add_init_script(WIRE)
            tab = context.new_page()
            tab.set_default_timeout(WAIT)
            fibres = {"fibres": Scene(model="stories", sentence=STORIES[lang])}
            for name, scene in (stills | fibres).items():
                if only not in (None, name):
                    continue
                tab.goto(app + address_of(name, scene, lang))
                settled(tab, 1500)
                if name == "fibres":
                    moving(tab, file_of(name, lang, "webp"), scene.config.n_layers)
                else:
                    still(tab, file_of(name, lang))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
