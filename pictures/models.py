"""What a card says of a model: family, sizes, what it takes here, licence; and whether its weights are whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from core import PRESETS, Config
from core.library import LIBRARY
from core.params import Params
from core.presets import SHIPPED, living
from core.weights import Card, unwhole
from core.weights.hub import Offer
from pictures.words import Words

SHOWN = 3  # tensors that are named when their numbers are not finite
FLOAT32 = 4  # bytes


def shipped() -> list[str]:
    """The models that come with Fibra and were trained."""
    return [name for name, preset in PRESETS.items() if preset.trained]


def sizes(config: Config, words: Words) -> list[tuple[str, str]]:
    """(name, value) of a model's sizes."""
    heads, layers = str(config.n_heads), str(config.n_layers)
    if config.kv_heads != config.n_heads:
        heads = words("models.rows.kv_heads", heads=config.n_heads, kv=config.kv_heads)
    if config.n_encoder_layers:
        layers = words("models.rows.both", encoder=config.n_encoder_layers, decoder=config.n_layers)
        if config.encoder.n_heads != config.n_heads:
            heads = words("models.rows.both", encoder=config.encoder.n_heads, decoder=config.n_heads)
    values = {
        "layers": layers,
        "heads": heads,
        "width": words.number(config.d_model, 0),
        "vocabulary": words.number(config.vocab_size, 0),
        "parameters": words.amount(config.n_parameters()),
    }
    return [
        (words("knob.d_model" if name == "width" else f"models.rows.{name}"), value) for name, value in values.items()
    ]


def megabytes(n: int, words: Words) -> str:
    return words("models.rows.megabytes", n=n / 1e6)


def rows_of_shipped(name: str, words: Words) -> list[tuple[str, str]]:
    """The card of one of `shipped`."""
    config = PRESETS[name].config
    return [
        *sizes(config, words),
        (words("models.rows.memory"), megabytes(FLOAT32 * config.n_parameters(), words)),
        (words("models.rows.licence"), _licence(name, words)),
    ]


def _is_here(name: str) -> bool:
    """Whether a model is in memory: opened from the server's folder, or brought by a reader."""
    return LIBRARY.is_open(name) or living(name) is not None


def _licence(name: str, words: Words) -> str:
    """What a shipped model may be used under, and whose it is: one that was brought says so in its folder."""
    file = SHIPPED / name / "origin.json"
    if not file.exists():
        return words("models.rows.shipped")
    origin = json.loads(file.read_text("utf-8"))
    return words("models.rows.brought", licence=origin["license"], package=origin["package"])


def rows_of(card: Card, words: Words) -> list[tuple[str, str]]:
    """The card of a real model that can be used."""
    assert card.config is not None
    rows = [
        (words("models.rows.family"), card.family),
        *sizes(card.config, words),
        (words("models.rows.memory"), megabytes(card.memory, words)),
        (words("models.rows.licence"), card.licence or words("models.rows.unstated")),
        (words("models.rows.state"), words("models.open" if _is_here(card.name) else "models.closed")),
    ]
    return rows + ([(words("models.rows.revision"), card.revision[:12])] if card.revision else [])


def rows_of_offer(offer: Offer, words: Words) -> list[tuple[str, str]]:
    """What would be fetched from the Hub."""
    return [
        (words("models.hub.repository"), offer.repository),
        (words("models.rows.revision"), offer.revision),
        (words("models.rows.licence"), offer.licence or words("models.rows.unstated")),
        (words("models.hub.files"), words.several([file.name for file in offer.files])),
        (words("models.hub.size"), megabytes(offer.size, words)),
    ]


def warned(card: Card, words: Words) -> str:
    """Which tensors of a model in use hold a number that is not finite; "" where none does."""
    return words("models.not_finite", names=_named(card.broken, words)) if card.broken else ""


def _named(tensors: Sequence[str], words: Words) -> str:
    """The first of them."""
    return words.several(tensors[:SHOWN]) + (" …" if len(tensors) > SHOWN else "")


def table(rows: list[tuple[str, str]]) -> str:
    """Rows of a card as HTML; what a file says of itself is shown literally."""
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="fibra-model">{cells}</table>'


def wholeness(params: Params, words: Words) -> tuple[str, bool]:
    """Whether every number of the weights is finite, in words and as a truth. All of them are read."""
    bad = unwhole(params)
    if not bad:
        return words("models.whole", n=len(params)), True
    return words("models.broken", n=len(params), bad=len(bad), names=_named(bad, words)), False
