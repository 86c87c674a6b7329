"""How alike two sentences are to a model, as explanations over what it makes of each one's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.activations import last_stream
from core.errors import ConfigError
from core.explain.explanation import Made, Operand
from pictures.explained.kinds import SENTENCE, Derived, Place, mean, row
from pictures.explained.measured import COSINE, cosine
from pictures.explained.runs import told

if TYPE_CHECKING:
    from pictures.explained.world import World

SENTENCES = "sentences"  # what these numbers are of: no array of one run


def _akin(here: World, of: str, index: Place) -> Made:
    """core.interpret.sentence_similarity of two of them."""
    vectors = _vectors(here)
    numbers = [one for i in index for one in row(f"meant.{of}", (i,), vectors[i])]
    return Made(COSINE, "function", tuple(numbers), rule=cosine)


def _meant(here: World, of: str, index: Place) -> Made:
    """The mean of what leaves the model for that sentence's tokens, along one dimension."""
    sentence, d = index
    name = told(sentence) + last_stream(here.subject.config)
    there, _, own = here.within(name)
    column = there.subject[own][:, d].tolist()
    return mean(r"\frac1n \sum_p x_p", [Operand(name, (p, d), x) for p, x in enumerate(column)])


def _vectors(here: World) -> np.ndarray:
    """[sentence, d_model]. Raises: ConfigError for a page that compares no sentences."""
    if here.meant is None:
        raise ConfigError("name: here no sentences are compared", "name")
    return here.meant()


def _pairs(here: World, of: str) -> Place:
    n = len(_vectors(here))
    return n, n


AKIN = {
    "akin": Derived(SENTENCES, (SENTENCE, SENTENCE), _pairs, _akin),
    "meant": Derived(SENTENCES, (SENTENCE, "d_model"), lambda here, of: _vectors(here).shape, _meant),
}
