"""What surrounds every page: the sidebar, the sentence, the notices, the prose, and the code that ran."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from html import escape
from pathlib import Path

import streamlit as st

from core import PRESETS, Notice, Scene
from core.library import LIBRARY
from core.limits import EDIT, SEED
from core.presets import REAL
from core.scene.sentence import fit_sentence, outside, room
from core.tokenizer.words import SPLITTERS, UNKNOWN
from pictures import display_names, glossary, pieces
from pictures.pages import PAGES
from pictures.words import LANGUAGES, Words
from plots import theme
from plots.tokens import shown
from ui import (
    controls,
    explanation,
    patch,
    presets,
    process,
    share,
    source,
    state,
    status,
    switchboard,
    takeaway,
    vocabulary,
)
from ui.challenges import asked as challenge
from ui.checks import cards, panel
from ui.lessons import bar
from ui.live import compat, live_figure, menu, moves, presence, projector, session, theme_button
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
SAID = ("nowhere", "cut", "long", "blank", "unpatched", *IN_ADDRESS, "gone", "absent", "unopened", "removed")
LOGO = Path(__file__).with_name("fibra.svg")


def open_page(
    name: str, seed: bool = True, reads: Callable[[Scene], Scene] = lambda scene: scene
) -> tuple[Scene, Words]:
    """Begin a page: every page's first call. Draws what all pages share, and gives the Scene and the words.

    A page with a seed of its own among its controls says so, and the sidebar leaves it out. `reads` gives the Scene
    whose model reads the sentence, where another's stands in.
    """
    process.prepare()
    menu.through_app()
    presence.here()
    model = PAGES[name].model
    scene = panel.known(state.open_scene(name))  # whatever the address brings decides the language too
    words = state.words()
    seat.take()
    bar.open_asked(name)
    scene = challenge.known(bar.known(scene, words))
    if model:
        scene = vocabulary.known(name, scene, reads(scene).config.vocab_size)
        scene = explanation.known(name, scene, words)
    if asked := menu.nowhere():
        state.notify(*state.notices(), Notice("nowhere", "page", asked, words(f"pages.{name}")))
    st.set_page_config(page_title=f"{words('app.title')} · {words(f'pages.{name}')}", page_icon=ICON, layout="wide")
    st.logo(str(LOGO), size="large")
    session.keep(words, nowhere=any(notice.code == "nowhere" for notice in state.notices()))
    live_figure.prepare()
    slider.prepare()
    with st.sidebar:
        menu.draw(words)
        _sidebar(scene, words, seed, model)
    projector.draw(scene, words)
    seat.draw(name, words)
    bar.draw(scene, words)
    with st.container(key="page-head"):
        st.html(f'<h1 class="fibra-title">{escape(words(f"{name}.title"))}</h1><style>{_css(name)}</style>')
        if model:
            _sentence(state.own(), reads(scene), words)
            switchboard.board(words)
    with st.container(key="page-lead"):
        say(words(f"{name}.lead"), "lead under-sign" if model and switchboard.is_signed(scene) else "lead")
        _moves(scene, words)
    with st.container(key="page-notices"):  # a slot: what stands below keeps its place, whatever is said here
        if model:
            switchboard.sign(scene, words)
            patch.sign(name, reads(scene), words)
        notices(words, *SAID)
    if model:
        presets.stacks_differ(name, words)
    panel.draw(scene, words)
    return scene, words


def close_page(name: str, words: Words, *code: Code, plain: tuple[Code, ...] = ()) -> None:
    """End a page: its questions, its prose, and the very functions that ran, with all that they call, folded.

    plain: what core/reference.py writes for the same, which comes first.
    """
    cards.cards(name, words)
    if listed := glossary.here(name, words):
        st.html(listed)
    prose = words.prose(name)
    with st.expander(words("shell.more"), icon=":material/menu_book:"):
        st.markdown(prose["more"])
    _code(code, plain, words)
    if PAGES[name].model:
        takeaway.offer(name, words)


@st.fragment
def _code(code: tuple[Code, ...], plain: tuple[Code, ...], words: Words) -> None:
    """The functions that ran, once they are asked for: a browser colours them as long as it draws the pictures."""
    fold = compat.call(st.expander, words("shell.code"), icon=":material/code:", key="code", on_change="rerun")
    if getattr(fold, "open", True) is False:  # where Streamlit does not say, they stand there at once
        return
    with fold:
        st.markdown(_written(code, plain, words))
        if below := _called(code, words):
            st.html(below)


@cache
def _written(code: tuple[Code, ...], plain: tuple[Code, ...], words: Words) -> str:
    """The functions as Markdown, one element: one each would cost every turn some time."""
    parts = [_source(function, words) for function in code]
    if plain:
        parts = [words("shell.plain"), *(_source(function, words) for function in plain), words("shell.ran"), *parts]
    return "\n\n".join(parts)


def _source(function: Code, words: Words) -> str:
    """A function's source under its full name, and the arrays of the trace that it makes."""
    made = source.makes(function)
    says = words("shell.makes", names=", ".join(f"`{name}`" for name in made)) if made else ""
    return f":small[`{source.title(function)}` {says}]\n````python\n{source.text(function)}````\n"


@cache
def _called(code: tuple[Code, ...], words: Words) -> str:
    """What the functions call, folded, as HTML; "" where they call nothing of core."""
    found = source.called(code)
    if not found:
        return ""
    summary = escape(words("shell.called", n=len(found)))
    return f'<details class="fibra-called"><summary>{summary}</summary>{source.folded(found)}</details>'


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


def _sidebar(scene: Scene, words: Words, seed: bool, model: bool) -> None:
    if model:
        _model(state.own(), words)
        if not scene.preset.trained:  # a trained model has its own tokens, and no seed draws its weights
            _drawn(scene, words, seed)
    controls.segments(
        words("shell.language"), "lang", LANGUAGES, words.lang, lambda lang: words(f"shell.languages.{lang}")
    )
    projector.offer(words)
    theme_button.theme("browser", {key: words(f"browser.{key}") for key in ("to_dark", "to_light")})
    status.offer(words)


def _moves(scene: Scene, words: Words) -> None:
    pin = "pin" if scene.pinned is None else "unpin"
    named = {"undo": "undo", "redo": "redo", "pin": pin, "reset": "reset"}
    labels = {name: words(f"shell.{label}") for name, label in named.items()}
    helps = {name: words(f"shell.{label}_help") for name, label in named.items()}
    labels["share"] = words("share.title")
    helps["share"] = words("share.help")
    made = {"undo": state.undo, "redo": state.redo, "pin": state.pin, "reset": _reset}
    moves.row(made, labels, helps, scene.pinned is not None, share.open_sheet)
    share.sheet(words)


def _model(scene: Scene, words: Words) -> None:
    held = {scene.model: scene.preset} | state.models() | LIBRARY.offered()
    models = PRESETS | held

    def called(model: str) -> str:
        return display_names.called(model, models[model], words)

    controls.select(words("shell.preset"), "model", [*models], scene.model, called, turn=presets.open_preset)
    say(_about(scene, words), "about")


def _about(scene: Scene, words: Words) -> str:
    """What the preset is; where the reader has altered it, what it was as it opened."""
    preset = scene.preset
    if scene.model not in PRESETS:
        real = scene.model.startswith(REAL)
        return (
            words("shell.about_real", n=words.amount(preset.config.n_parameters()))
            if real
            else words("shell.about_trained")
        )
    about = words(f"shell.about.{scene.model}")
    if preset.by_hand and set(scene.tokens) - {*preset.by_hand}:
        about = words("shell.about_drawn")
    elif preset.by_hand and scene.sentence:
        about = words("shell.about_known")
    if scene.edits:
        about += f" {words('shell.about_edited')}"
    return about if scene.config == preset.config else words("shell.about_opens", about=about)


def _drawn(scene: Scene, words: Words, seed: bool) -> None:
    controls.segments(
        words("shell.split"), "split", list(SPLITTERS), scene.split, lambda s: words(f"shell.splits.{s}"), turn=_split
    )
    if seed:
        controls.number(words("shell.seed"), "seed", *SEED, scene.seed, help=words("shell.seed_help"))


def _sentence(scene: Scene, read: Scene, words: Words) -> None:
    hidden = {"placeholder": words("shell.sentence_help", n=room(scene.model)[0]), "label_visibility": "collapsed"}
    text = read.text if read.model == scene.model else scene.text  # a page may open on an example of its own
    controls.text(words("shell.sentence"), "sentence", text, _retype, **hidden)
    if said := _unknown(read, words):
        say(said, "about")
    if said := pieces.marks(read, words):
        say(said, "about")


def _unknown(scene: Scene, words: Words) -> str:
    """What became of words that the model does not know; "" where it knows them all."""
    preset = scene.preset
    if preset.tokenizer:
        unknown = outside(scene.text, scene.model)
        if preset.tokenizer.by == "pieces" or UNKNOWN in preset.tokenizer.tokens:
            return words("shell.outside", tokens=", ".join(map(shown, unknown))) if unknown else ""
        pairs = (f"{shown(token)} → {shown(stands_for)}" for token, stands_for in unknown.items())
        return words("shell.stands_for", tokens=", ".join(pairs)) if unknown else ""
    new = dict.fromkeys(token for token in scene.tokens if token not in preset.by_hand) if preset.by_hand else ()
    return words("shell.unknown", tokens=", ".join(map(shown, new))) if new else ""


def _retype(typed: str) -> None:
    """The reader typed a sentence: cut to the limits, and said so."""
    scene = state.own()
    sentence, notice = fit_sentence(typed, scene.split, scene.model)
    state.turn(sentence="" if sentence == scene.preset.sentence else sentence)
    if notice:
        state.notify(*state.notices(), notice)
    elif not sentence:
        state.notify(*state.notices(), Notice("blank", "sentence", typed, ""))


def _split(split: str) -> None:
    scene = state.own()
    sentence, notice = fit_sentence(scene.sentence, split, scene.model)
    state.turn(split=split, sentence=sentence)
    if notice:
        state.notify(*state.notices(), notice)


def _reset() -> None:
    state.show(Scene(**state.reading()))


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
