"""How alike sentences are to a model: the mean of what it makes of their tokens, and the cosines between such means.

Source: Reimers & Gurevych 2019, "Sentence-BERT", section 3: mean pooling, and cosine similarity.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..activations import last_stream
from ..arguments import several
from ..config import Config
from ..model import forward
from ..params import Params
from ..tokenizer.protocol import Tokenizer
from .stream import similarity


def sentence_vector(params: Params, config: Config, ids: np.ndarray) -> np.ndarray:
    """The mean of the last residual stream over all tokens, special ones too: ids [pos] -> [d_model]."""
    last = last_stream(config)
    vector: np.ndarray = forward(params, config, ids, names=[last])[last].mean(axis=0)
    return vector


def sentence_vectors(params: Params, config: Config, rows: Iterable[np.ndarray]) -> np.ndarray:
    """`sentence_vector` of several texts in one run, the shorter ones padded: ids [pos] each -> [sentence, d_model]."""
    texts, last = list(rows), last_stream(config)
    sizes = np.array([len(ids) for ids in texts])
    there = np.arange(sizes.max()) < sizes[:, None]  # [sentence, pos]
    ids = np.zeros(there.shape, np.int64)
    ids[there] = np.concatenate(texts)
    stream = forward(params, config, ids, mask=there, names=[last])[last]
    return (stream * there[..., None]).sum(axis=1) / sizes[:, None]


def sentence_similarity(params: Params, config: Config, tokenizer: Tokenizer, sentences: Iterable[str]) -> np.ndarray:
    """The cosine between the vectors of any two sentences: [sentence, sentence].

    Raises: ConfigError for a sentence that has no token, or more than the model's context.
    """
    texts = several("sentences", sentences, "texts")
    return similarity(sentence_vectors(params, config, [tokenizer.encode(text).ids for text in texts]))
