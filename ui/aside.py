"""The model at the side of a page: which one, what it is, and how it reads and is drawn."""

from __future__ import annotations

from core import PRESETS, Scene
from core.library import LIBRARY
from core.limits import SEED
from core.presets import REAL
from core.scene.sentence import fit_sentence
from core.tokenizer.words import SPLITTERS
from pictures import display_names
from pictures.words import Words
from ui import controls, presets, state
from ui.said import say


def draw(scene: Scene, words: Words, seed: bool) -> None:
    """The list of models and what is said of this one; seed: whether the knob of the seed stands here."""
    _model(state.own(), words)
    if not scene.preset.trained:  # a trained model has its own tokens, and no seed draws its weights
        _drawn(scene, words, seed)


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


def _split(split: str) -> None:
    scene = state.own()
    sentence, notice = fit_sentence(scene.sentence, split, scene.model)
    state.turn(split=split, sentence=sentence)
    if notice:
        state.notify(*state.notices(), notice)
