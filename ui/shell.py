"""What surrounds every page: the menu, the model, the sentence, the notices, the prose, and the code that ran."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from core import Notice, Scene
from core.limits import EDIT
from pictures import glossary
from pictures.pages import PAGES
from pictures.words import LANGUAGES, Words
from plots import theme
from ui import (
    aside,
    code_fold,
    controls,
    explanation,
    head,
    patch,
    presets,
    process,
    state,
    status,
    switchboard,
    takeaway,
    vocabulary,
)
from ui.challenges import asked as challenge
from ui.checks import cards, panel
from ui.lessons import bar
from ui.live import internals, live_figure, menu, presence, projector, session, theme_button
from ui.live import range as slider
from ui.round import seat
from ui.said import say
from ui.source import Code

ICON = "🧵"
SHEETS = ("live/streamlit.css", "shell.css", "checks/checks.css")  # of every page; one page's own are in its folder
WRITES, CLOCK_SHEET = ("generate", "translate"), "clock.css"  # the pages on which a text is written step by step
FILES, FILES_SHEET = ("upload", "drop", "unfit"), "live/files.css"  # what a box for files says
# Notices: of an address whose values were not taken, and all that are said at the top of a page.
IN_ADDRESS = ("default", "conflict", "trained", "misplaced", "sourceless", "unlike")
NOT_HERE = ("gone", "lesson_gone", "absent", "unopened", "removed")
SAID = ("nowhere", "cut", "long", "blank", "unpatched", *IN_ADDRESS, *NOT_HERE)
LOGO = Path(__file__).with_name("fibra.svg")
WHOLE = "fibra.whole"  # session state: this run draws the whole page, and has not come to its middle yet
AROUND = "fibra.around"  # session state: what the page around its middle was drawn for


@dataclass(frozen=True)
class Page:
    """A page as it draws itself. Each page's script ends with `shell.Page(...).open()`.

    name: in PAGES. draw: all that depends on the Scene, between what surrounds every page. code: the functions that
    ran; plain: what core/reference.py writes for the same, which comes first. A page with a seed of its own among its
    controls says so, and the sidebar leaves it out (`seed`). `reads` gives the Scene whose model reads the sentence,
    where another's stands in. `beats` says whether a timer of the page runs: it begins and ends with a whole run.
    """

    name: str
    draw: Callable[[Scene, Words], None]
    code: tuple[Code, ...]
    plain: tuple[Code, ...] = ()
    seed: bool = True
    reads: Callable[[Scene], Scene] = lambda scene: scene
    beats: Callable[[], object] = lambda: None

    @property
    def model(self) -> bool:
        """Whether it shows the Scene's model."""
        return PAGES[self.name].model

    def open(self) -> None:
        """Draw the page: what no turn of a knob alters here, and in its middle, as a fragment, all the rest.

        So a turn draws half of the elements anew, and the browser leaves the menu and the prose alone.
        """
        process.prepare()
        menu.through_app()
        internals.page_opened()
        presence.here()
        scene = state.open_scene(self.name)  # whatever the address brings decides the language too
        words = state.words()
        seat.take()
        bar.open_asked(self.name)
        if asked := menu.nowhere():
            state.notify(*state.notices(), Notice("nowhere", "page", asked, words(f"pages.{self.name}")))
        title = f"{words('app.title')} · {words(f'pages.{self.name}')}"
        st.set_page_config(page_title=title, page_icon=ICON, layout="wide")
        st.logo(str(LOGO), size="large")
        session.keep(words, nowhere=any(notice.code == "nowhere" for notice in state.notices()))
        live_figure.prepare()
        slider.prepare()
        st.html(f"<style>{_css(self.name)}</style>")
        with st.sidebar:
            menu.draw(words)
            side = st.container(key="side")
            _reading(words)
        projector.draw(scene, words)
        seat.draw(self.name, words)
        st.session_state[WHOLE] = True
        (_turned if self.model else _drawn)(self, words, side)
        self._foot(words)
        st.session_state[AROUND] = self.around()

    def around(self) -> tuple[object, ...]:
        """What the page around its middle was drawn for: if this alters, all is drawn again."""
        scene = state.scene()
        return scene.lang, scene.projector, self.beats(), takeaway.opened() and scene

    def known(self, words: Words) -> Scene:
        """The Scene as this page shows it, without what there is not: that is then said."""
        scene = panel.known(state.scene())
        scene = challenge.known(bar.known(scene, words))
        if self.model:
            scene = vocabulary.known(self.name, scene, self.reads(scene).config.vocab_size)
            scene = explanation.known(self.name, scene, words)
        return scene

    def head(self, scene: Scene, words: Words) -> None:
        """The title, the sentence and what is said of both, the moves, the notices, the question that is asked."""
        bar.draw(scene, words)
        with st.container(key="page-head"):
            st.html(f'<h1 class="fibra-title">{escape(words(f"{self.name}.title"))}</h1>')
            if self.model:
                head.sentence(state.own(), self.reads(scene), words)
                switchboard.board(words)
        with st.container(key="page-lead"):
            signed = self.model and switchboard.is_signed(scene)
            say(words(f"{self.name}.lead"), "lead under-sign" if signed else "lead")
            head.moves(scene, words)
        with st.container(key="page-notices"):  # a slot: what stands below keeps its place, whatever is said here
            if self.model:
                switchboard.sign(scene, words)
                patch.sign(self.name, self.reads(scene), words)
            notices(words, *SAID)
        if self.model:
            presets.stacks_differ(self.name, words)
        panel.draw(scene, words)

    def _foot(self, words: Words) -> None:
        """The page's questions and terms; the prose, the very functions that ran, with all that they call, and what may
        be taken home, all folded.
        """
        cards.cards(self.name, words)
        if listed := glossary.here(self.name, words):
            st.html(listed)
        prose = words.prose(self.name)
        with st.expander(words("shell.more"), icon=":material/menu_book:"):
            st.markdown(prose["more"])
        code_fold.fold(self.code, self.plain, words)
        if self.model:
            takeaway.offer(self.name, words)


def _drawn(page: Page, words: Words, side: Any) -> None:
    """The middle of a page, and in the sidebar the model."""
    if not st.session_state.pop(WHOLE, False):
        state.go_on()
        if page.around() != st.session_state.get(AROUND):
            st.rerun()
        bar.open_asked(page.name)
    scene = page.known(words)
    if page.model:
        with side:
            aside.draw(scene, words, page.seed)
    with st.container(key="page"):
        page.head(scene, words)
        page.draw(scene, words)


_turned = st.fragment(_drawn)


@cache
def _css(page: str) -> str:
    """A page's style sheets, the theme's colours as variables. The browser chooses: a theme switch causes no rerun."""
    light, dark = theme.PALETTES["light"], theme.PALETTES["dark"]
    names = (name for name, colour in light.items() if isinstance(colour, str))
    colours = "".join(f"--fibra-{name}:light-dark({light[name]},{dark[name]});" for name in names)
    shared = (*SHEETS, CLOCK_SHEET) if page in WRITES else SHEETS
    return f":root{{{colours}}}" + "".join(map(_sheet, (*shared, f"{page}/{page}.css")))


@cache
def _sheet(name: str) -> str:
    path = Path(__file__).parent / name
    return path.read_text("utf-8") if path.is_file() else ""


def file_words(words: Words) -> None:
    """The words of the boxes for files, which Streamlit has in English alone: files.css puts these there."""
    said = "".join(f"--fibra-{name}:{json.dumps(words(f'train.{name}'), ensure_ascii=False)};" for name in FILES)
    st.html(f"<style>:root{{{said}}}{_sheet(FILES_SHEET)}</style>")


def listing(rows: Iterable[str], chosen: int | None = None) -> str:
    """Computed sentences as a list, shown literally; the chosen one stands out."""
    items = (f'<li class="{"chosen" if i == chosen else ""}">{escape(row)}</li>' for i, row in enumerate(rows))
    return f'<ul class="fibra-rows">{"".join(items)}</ul>'


def _reading(words: Words) -> None:
    """How the reader reads: at the foot of the sidebar."""
    controls.segments(
        words("shell.language"), "lang", LANGUAGES, words.lang, lambda lang: words(f"shell.languages.{lang}")
    )
    projector.offer(words)
    theme_button.theme("browser", {key: words(f"browser.{key}") for key in ("to_dark", "to_light")})
    status.offer(words)


def _counted(notice: Notice, value: str) -> str | int:
    """What was cut is counted, and a number is written as the language does."""
    return int(value) if notice.code in ("cut", "long", "long_target") else value


def notices(words: Words, *codes: str) -> None:
    """One box for all that was wrong of these codes: what was cut or blank, which cells, what in the address."""
    found = [n for n in state.notices() if n.code in codes]
    empty, edit = words("notice.empty"), {"low": EDIT[0], "high": EDIT[1]}
    lines = [
        words(
            f"notice.{n.code}", field=n.field, value=_counted(n, n.value) or empty, right=_counted(n, n.right), **edit
        )
        for n in found
    ]
    if any(n.code in IN_ADDRESS for n in found):
        lines.insert(0, words("notice.title"))
    if lines:
        say("\n".join(lines), "notice")
