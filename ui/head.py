"""The head of a page: the sentence, what became of its words, and the reader's moves."""

from __future__ import annotations

from core import Notice, Scene
from core.library import Real
from core.scene.sentence import fit_sentence, outside, room
from core.tokenizer.words import UNKNOWN
from pictures import models, pieces
from pictures.words import Words
from plots.tokens import shown
from ui import controls, share, state
from ui.live import moves as buttons
from ui.said import say


def sentence(scene: Scene, read: Scene, words: Words) -> None:
    """The reader's sentence, to be typed, and how the model of `read` takes it."""
    hidden = {"placeholder": words("shell.sentence_help", n=room(scene.model)[0]), "label_visibility": "collapsed"}
    text = read.text if read.model == scene.model else scene.text  # a page may open on an example of its own
    controls.text(words("shell.sentence"), "sentence", text, _retype, **hidden)
    if said := _unknown(read, words):
        say(said, "about")
    if said := pieces.marks(read, words):
        say(said, "about")
    if isinstance(read.preset, Real) and (said := models.warned(read.preset.card, words)):
        say(said, "notice")  # pages say of what comes of them that it has passed what float32 can hold


def _unknown(scene: Scene, words: Words) -> str:
    """What became of words that the model does not know; "" where it knows them all."""
    preset = scene.preset
    if preset.tokenizer:
        unknown = outside(scene.text, scene.model)
        if preset.tokenizer.by == "pieces" or UNKNOWN in preset.tokenizer.tokens:
            return words("shell.outside", n=len(unknown), tokens=", ".join(map(shown, unknown))) if unknown else ""
        pairs = (f"{shown(token)} → {shown(stands_for)}" for token, stands_for in unknown.items())
        return words("shell.stands_for", tokens=", ".join(pairs)) if unknown else ""
    new = dict.fromkeys(token for token in scene.tokens if token not in preset.by_hand) if preset.by_hand else ()
    return words("shell.unknown", n=len(new), tokens=", ".join(map(shown, new))) if new else ""


def _retype(typed: str) -> None:
    """The reader typed a sentence: cut to the limits, and said so."""
    scene = state.own()
    sentence, notice = fit_sentence(typed, scene.split, scene.model)
    state.turn(sentence="" if sentence == scene.preset.sentence else sentence)
    if notice:
        state.notify(*state.notices(), notice)
    elif not sentence:
        state.notify(*state.notices(), Notice("blank", "sentence", typed, ""))


def moves(scene: Scene, words: Words) -> None:
    """Undo, redo, pin, reset, share."""
    pin = "pin" if scene.pinned is None else "unpin"
    named = {"undo": "undo", "redo": "redo", "pin": pin, "reset": "reset"}
    labels = {name: words(f"shell.{label}") for name, label in named.items()}
    helps = {name: words(f"shell.{label}_help") for name, label in named.items()}
    labels["share"] = words("share.title")
    helps["share"] = words("share.help")
    made = {"undo": state.undo, "redo": state.redo, "pin": state.pin, "reset": _reset}
    buttons.row(made, labels, helps, scene.pinned is not None, share.open_sheet)
    share.sheet(words)


def _reset() -> None:
    state.show(Scene(**state.reading()))
