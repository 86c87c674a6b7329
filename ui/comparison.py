"""What a page shows while a Scene is pinned: the pinned one, the present one and their difference, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core import Scene
from pictures import compute, display_names, pinned
from pictures.pages import PAGES
from pictures.words import Words
from ui import figure, shell
from ui.live import live_figure

Choose = Callable[[dict[str, Any]], None]


def differs(scene: Scene, words: Words) -> None:
    """Say which knobs stand otherwise than when the Scene was pinned."""
    found = pinned.differences(scene, words)
    shell.say(words("compare.differs", knobs="; ".join(found)) if found else words("compare.same"), "pinned")


def elsewhere(scene: Scene, words: Words) -> None:
    """On a page that compares nothing: say what is pinned, and where it stands beside the present one."""
    with st.container():  # also where there is nothing to say: what follows keeps its place
        if scene.pinned:
            preset = display_names.called(scene.pinned.model, scene.pinned.preset, words)
            pages = words.several(words(f"pages.{name}") for name, page in PAGES.items() if page.compares)
            shell.say(words("compare.elsewhere", story=preset, sentence=scene.pinned.text, pages=pages), "pinned")


def row(
    scene: Scene,
    words: Words,
    builders: tuple[compute.Builder, compute.Builder, compute.Builder],
    *,
    key: str,
    height: int,
    alike: bool,
    on_click: Choose | None = None,
) -> None:
    """Three pictures of one kind. Where the two are not `alike`, a sentence stands for their difference."""
    names = ("pinned", "present", "difference")
    with st.container(key=f"compare-{key}"), live_figure.together(f"compare-{key}"):
        for name, builder in zip(names, builders, strict=True):
            title = words(f"compare.{name}")
            if name == "difference" and not alike:
                unlike = live_figure.saying(words("compare.unlike"))
                live_figure.write(live_figure.heading(title) + unlike, key=f"{key}-unlike")
            else:
                click = on_click if name == "present" else None
                where = {"key": f"{key}-{name}", "height": height, "title": title}
                figure.picture(builder, scene, words, **where, on_click=click)
