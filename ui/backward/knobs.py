"""What a reader can turn on the Backward page: whose loss, and what holds the gradient on its way."""

from __future__ import annotations

from core import Scene
from pictures import loss_choice
from pictures.continuation import names
from pictures.generate.draw import share
from pictures.words import Words
from ui import controls, sizes, state, switchboard


def draw(scene: Scene, words: Words) -> None:
    """Whose loss, and what holds the gradient; of a model that stands in nothing is turned."""
    own = loss_choice.asked(scene)
    places = loss_choice.positions(scene, words)
    options = [None, *range(len(places))]
    controls.select(
        words("backward.loss"),
        "loss_position",
        options,
        scene.loss_position if scene.loss_position in options else options[-1],
        lambda at: words("backward.all") if at is None else places[at],
        turn=lambda loss_position: state.turn(loss_position=loss_position, loss_token=None),
    )
    _right(scene, words)
    stands_in = own.model != scene.model
    if not own.preset.trained:
        layers = sizes.offered(own.config)["n_layers"]
        controls.choice_slider(words("backward.layers"), "n_layers", layers, own.config.n_layers, disabled=stands_in)
    switchboard.scaled_init(own, words, disabled=stands_in)
    for part in ("residual", "norm"):
        switchboard.part(own, part, words, disabled=stands_in)


def _right(scene: Scene, words: Words) -> None:
    """Which token is taken for right where a decoder wrote one."""
    if shares := loss_choice.rights(scene):
        own, judged = loss_choice.asked(scene), loss_choice.loss_of(scene)
        name, now = names(own, words), scene.loss_token
        controls.select(
            words("backward.right"),
            "loss_token",
            [*shares],
            now if now in shares else next(iter(shares)),
            lambda token: f"{name(token)} · {share(shares[token], words, fine=True)}",
            of=judged,
        )
