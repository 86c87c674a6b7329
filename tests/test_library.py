"""Real models on a server: found below one folder and nowhere else, named alike everywhere, let go when too many."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from playwright.sync_api import expect

import core
from core import Notice, Scene, WeightsError, library, limits
from core.interpret import pca, residual_stages
from core.interventions import Interventions
from core.library import Library
from core.presets import PORTRAIT, SHIPPED, find
from core.scene.recall import Recalled, kept
from core.scene.sentence import fit_sentence, room
from core.scene.switch import beginning
from core.weights import load_pretrained, write
from core.weights.card import name_of, titled
from pictures import (
    ablation,
    alike,
    compute,
    drift,
    fibres,
    importance,
    labels,
    left_out,
    memory,
    pieces,
    reading,
    stacks,
    start,
)
from pictures import models as pictures
from pictures.explained import card
from pictures.explained.naming import families
from pictures.explained.page_world import world
from pictures.extremes import token_name
from pictures.words import LANGUAGES, words_of
from plots.tokens import shown
from tests.support import GOLDEN, ONE_STACK, tensors
from tests.test_app import fine, html, page
from ui import aside, presets
from ui.models import cards
from ui.reading import asked
from ui.state import SCENE


def folder(at, name="tiny", vocabulary=96):
    """A checkpoint with a vocabulary: the golden BERT, whose folder has none."""
    made = at / name
    made.mkdir(parents=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(GOLDEN / "bert-tiny" / file, made)
    tokens = [
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *"abcdefghijklmnopqrstuvwxyz.,",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    tokens += [f"[unused{i}]" for i in range(vocabulary - len(tokens))]
    (made / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return made


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The process's library, below a folder of this test's own."""
    own = Library(tmp_path)
    monkeypatch.setattr(library, "LIBRARY", own)
    for module in (memory, pictures, cards, presets, aside):
        monkeypatch.setattr(module, "LIBRARY", own)
    return own


def test_a_model_is_found_named_and_opened_as_load_pretrained_reads_it(tmp_path, shelf):
    made = folder(tmp_path, "deep/er/tiny")
    (card,) = shelf.cards()
    assert card.name.startswith("real-bert-tiny-") and not card.problem and card.config.n_layers == 2
    assert not shelf.is_open(card.name), "a card opens nothing"
    scene = Scene(model=card.name, sentence="a bee, a bat")
    assert scene.tokens == ("[CLS]", "a", "b", "##e", "##e", ",", "a", "b", "##a", "##t", "[SEP]")
    model = load_pretrained(made, without_head=True)
    expected = core.forward(model.params, model.config, scene.encoding.ids)
    run = core.run(scene)
    assert all(np.array_equal(run.trace[name], expected[name]) for name in expected if name != "logits")
    assert Scene.from_query(scene.to_query()) == (scene, ())
    assert shelf.is_open(card.name) and find(card.name) is find(card.name), "all sessions share one"


def test_the_name_follows_from_the_files_alone(tmp_path):
    one, other = folder(tmp_path / "a"), folder(tmp_path / "b")
    assert name_of(one) == name_of(other)
    raw = bytearray((other / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (other / "model.safetensors").write_bytes(raw)
    assert name_of(one) != name_of(other)
    assert titled(tmp_path / "models--org--name" / "snapshots" / "abc") == "org/name"


def test_a_model_that_this_server_has_not_is_said_to_be_absent(tmp_path, shelf):
    made = folder(tmp_path)
    (card,) = shelf.cards()
    scene, notices = Scene.from_query({"model": "real-bert-other-0123456789", "layer": "1"})
    assert scene == Scene(layer=1) and [notice.code for notice in notices] == ["absent"]
    assert isinstance(notices[0], Notice) and "not on this server" in str(notices[0])
    (made / "vocab.txt").unlink()  # no text can be turned into ids
    fresh = Library(tmp_path)
    assert fresh.find(card.name) is None and "tokenizer.json" in fresh.cards()[0].problem
    shutil.rmtree(made)
    assert Library(tmp_path).find(card.name) is None and Library(tmp_path).cards() == []


def test_the_sidebar_offers_all_that_lies_there_and_says_which_cannot_be_opened(tmp_path, shelf):
    folder(tmp_path, "whole")
    (folder(tmp_path, "broken") / "vocab.txt").unlink()  # no text can be turned into ids
    gone = folder(tmp_path, "gone")
    (tmp_path / "old.zip").write_bytes(b"PK")
    at = fine(page("attention", lang="en"))
    (choice,) = (box for box in at.selectbox if box.key.startswith("knob-model"))
    assert {"whole", "broken"} <= {*choice.options} and not shelf._open and not shelf._cards, "nothing is opened for it"
    fine(choice.set_value(next(name for name, card in shelf.offered().items() if card.title == "broken")).run())
    assert at.session_state[SCENE].model == "penguins"
    assert words_of("en")("notice.unopened", field="model", value="broken", right="") in html(at)
    shutil.rmtree(gone)
    (choice,) = (box for box in at.selectbox if box.key.startswith("knob-model"))
    fine(choice.set_value(next(name for name, card in shelf.offered().items() if card.title == "gone")).run())
    assert at.session_state[SCENE].model == "penguins"
    assert words_of("en")("notice.removed", field="model", value="gone", right="") in html(at)
    (choice,) = (box for box in at.selectbox if box.key.startswith("knob-model"))
    assert "broken" not in choice.options
    fine(choice.set_value(next(name for name in shelf.offered())).run())
    assert at.session_state[SCENE].preset.title == "whole"


def test_what_the_server_may_not_read_hides_no_model(tmp_path, monkeypatch):
    folder(tmp_path, "readable")
    (tmp_path / "lost+found").mkdir()
    entered = Path.iterdir

    def iterdir(self: Path):
        if self.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(self))
        return entered(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert [card.title for card in Library(tmp_path).offered().values()] == ["readable"]


def test_where_no_model_lies_the_folder_is_looked_through_once(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(Library, "_candidates", lambda self: iter(looks.append(self) or ()))
    shelf = Library(tmp_path)
    assert shelf.offered() == shelf.offered() == {} and len(looks) == 1


def test_the_least_recently_used_is_let_go(tmp_path, shelf, monkeypatch):
    for name in "abc":
        folder(tmp_path, name)
    names = [card.name for card in shelf.cards()]
    size = shelf.cards()[0].memory
    monkeypatch.setattr(limits, "WEIGHTS", 2 * size)
    a, b, c = (names[i] for i in range(3))
    for name in (a, b, a, c):
        assert shelf.find(name).config.n_layers == 2
    assert [shelf.is_open(name) for name in names] == [True, False, True] and shelf.held == 2 * size
    assert shelf.find(b) is not None and not shelf.is_open(a), "it is opened again when it is asked for"
    monkeypatch.setattr(limits, "WEIGHTS", size - 1)
    assert "FIBRA_WEIGHTS_MB" in Library(tmp_path).cards()[0].problem


def test_what_real_models_take_the_caches_leave_but_never_all(tmp_path, shelf, monkeypatch):
    folder(tmp_path)
    shelf.find(shelf.cards()[0].name)
    memory.leave_to_real_models()
    assert memory.BUDGET.has_taken("library") == shelf.held > 0
    monkeypatch.setattr(Library, "held", property(lambda self: 10 * limits.CACHE))
    memory.leave_to_real_models()
    assert memory.BUDGET.most - memory.BUDGET.taken == limits.CACHE_LEAST
    monkeypatch.undo()
    memory.leave_to_real_models()


def test_links_out_pickles_and_archives_are_refused_by_name(tmp_path, shelf):
    outside = folder(tmp_path.parent / f"{tmp_path.name}-outside")
    (tmp_path / "link").symlink_to(outside)
    (tmp_path / "link.gguf").symlink_to(outside / "model.safetensors")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "model.zip").write_bytes(b"PK")
    (tmp_path / "weights.bin").write_bytes(b"\x80\x04")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text("{}")
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"\x80\x04")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.json").write_text("[" * 9)
    (tmp_path / "bad" / "model.safetensors").write_bytes(b"")
    problems = {card.path.name: card.problem for card in shelf.cards()}
    assert problems.keys() == {"link", "link.gguf", "model.zip", "weights.bin", "old", "bad"}
    assert "leads out" in problems["link"] and "leads out" in problems["link.gguf"]
    assert "archive" in problems["model.zip"] and "weights.bin: is a Python pickle" in problems["weights.bin"]
    assert "pytorch_model.bin: is a Python pickle" in problems["old"] and "config.json" in problems["bad"]
    assert Library().cards() == [] and Library(tmp_path / "nowhere").cards() == []


def test_a_tokenizer_larger_than_the_model_is_refused(tmp_path, shelf):
    folder(tmp_path, vocabulary=97)
    assert "its tokenizer has 97 tokens; the model knows 96" in shelf.cards()[0].problem


@pytest.mark.parametrize("lang", LANGUAGES)
def test_numbers_that_are_not_finite_load_and_are_named(tmp_path, shelf, lang):
    words, made = words_of(lang), folder(tmp_path)
    arrays = {name: array.copy() for name, array in tensors(made / "model.safetensors").items()}
    assert pictures.wholeness(shelf.find(shelf.cards()[0].name).learned, words)[1]
    (name,) = [name for name in arrays if name.endswith("layer.1.output.dense.weight")]
    arrays[name][3, 5] = np.nan
    write(made / "model.safetensors", arrays)
    name_here = shelf.cards()[0].name
    assert pictures.warned(shelf.cards()[0], words) == "", "a card alone reads no numbers"
    with pytest.warns(UserWarning, match="holds NaN or infinity"):
        model = shelf.find(name_here)
    assert name in pictures.warned(shelf.cards()[0], words)
    says, whole = pictures.wholeness(model.learned, words)
    assert not whole and "blocks.1.mlp.W_out" in says
    assert words.number(len(model.learned), 0) in says
    for name in ("attention", "models"):  # else a page says of them alone that they have passed what float32 can hold
        at = fine(page(name, lang=lang, model=name_here))
        assert pictures.warned(shelf.cards()[0], words) in html(at), name


def test_a_card_says_what_the_config_says(tmp_path, shelf):
    made = folder(tmp_path)
    (made / "LICENSE").write_text("  Apache License\nVersion 2.0")
    (card,) = shelf.cards()
    rows = dict(pictures.rows_of(card, words_of("en")))
    config = core.Config(**vars(card.config))
    assert rows["parameters"] == f"{config.n_parameters():,}" and rows["licence"] == "Apache License"
    assert rows["heads"] == "3" and rows["layers"] == "2" and rows["state"].startswith("not in memory")
    assert "&lt;b&gt;" in pictures.table([("<b>", "<b>")]) and "<b>" not in pictures.table([("<b>", "<b>")])


@pytest.mark.parametrize(
    ("said", "row"),
    [(None, "not stated"), ("apache-2.0", "apache-2.0"), ("my  own\n" * 9999, "my own my own")],
)
def test_a_licence_is_what_the_config_says_in_a_line(tmp_path, shelf, said, row):
    config = folder(tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"license": said}))
    (card,) = shelf.cards()
    told = dict(pictures.rows_of(card, words_of("en")))["licence"]
    assert not card.problem and told.startswith(row) and len(told) <= 60


def test_a_licence_is_read_where_huggingface_hub_keeps_files(tmp_path, shelf):
    """There a snapshot's files are links to blobs beside it; a link to elsewhere is not followed."""
    made = folder(tmp_path / "elsewhere")
    (made / "LICENSE").write_text("  Apache License\nVersion 2.0")
    shot = tmp_path / "models--org--name" / "snapshots" / "abc"
    shot.mkdir(parents=True)
    (shot.parent.parent / "blobs").mkdir()
    for number, file in enumerate(made.iterdir()):
        file.rename(shot.parent.parent / "blobs" / str(number))
        (shot / file.name).symlink_to(f"../../blobs/{number}")
    assert [card.licence for card in Library(tmp_path).cards()] == ["Apache License"]
    (tmp_path / "theirs").write_text("MIT License")
    (shot / "LICENSE").unlink()
    (shot / "LICENSE").symlink_to("../../../theirs")
    assert [card.licence for card in Library(tmp_path).cards()] == [""]


FILES = ("config.json", "model.safetensors", "vocab.txt")


def test_a_reader_s_files_become_a_model_and_leave_nothing_behind(tmp_path, shelf, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given = {name: (folder(tmp_path / name) / name).read_bytes() for name in FILES}
    before = {*os.listdir(tmp_path)}
    name, model = library.adopted(given | {"README.md": b"passed over"})
    assert find(name) is model and Scene(model=name).tokens[0] == "[CLS]"
    assert np.isfinite(core.run(Scene(model=name)).trace["blocks.1.resid_post"]).all()
    assert {*os.listdir(tmp_path)} == before
    del model
    assert find(name) is None, "it lives as long as a session holds it"


@pytest.mark.parametrize(
    ("said", "called"),
    [
        *(("org/tiny-bert", "tiny-bert"), ("C:\\models\\mine\\", "mine"), ("/tmp/x/run.3/", "run.3"), ("", "bert")),
        *(("<b>bert</b>", "bert"), ("../..", "bert"), (None, "bert"), (7, "bert"), ("a" * 65, "bert")),
    ],
)
def test_a_folder_that_was_brought_is_called_as_its_config_says(tmp_path, shelf, said, called):
    """Its own name does not come with its files: it was called *upload*, in both languages."""
    given = {path.name: path.read_bytes() for path in folder(tmp_path).iterdir()}
    given["config.json"] = json.dumps(json.loads(given["config.json"]) | {"_name_or_path": said}).encode()
    name, model = library.adopted(given)
    assert model.title == model.card.title == called
    assert pictures.table(pictures.rows_of(model.card, words_of("pt-BR"))) and find(name) is model


@pytest.mark.browser
def test_a_model_that_was_brought_is_the_story_at_once_and_after_a_reload(watched, app, tmp_path):
    """The box forgets what was taken and its button goes with it: nothing said that the page had a card more."""
    tab = watched.tab(locale="en")
    tab.goto(f"{app}/models")
    words, box = words_of("en"), tab.locator("[data-testid=stFileUploader] input")
    box.set_input_files(folder(tmp_path, "alone") / "model.safetensors")
    tab.get_by_role("button", name="Load it").click()
    expect(tab.get_by_text(words("models.upload.run"))).to_be_visible()
    assert words("train.model.title") in words("models.upload.run")
    tab.reload()
    box.set_input_files([*folder(tmp_path).iterdir()])
    tab.get_by_role("button", name="Load it").click()
    for _ in range(2):
        expect(tab.get_by_text(words_of("en")("models.used"))).to_be_visible()
        assert tab.locator(".st-key-models-cards .fibra-model").count() == 1
        tab.reload()


def test_nobody_is_shown_what_another_reader_brought(tmp_path, monkeypatch):
    """Equal weights with other words are another model, and so are files that differ where no sample is taken."""
    monkeypatch.setattr("core.weights.card.SAMPLES", 1)  # of a small file, as of a large one: most is not looked at
    mine = {path.name: path.read_bytes() for path in folder(tmp_path).iterdir()}
    weights = bytearray(mine["model.safetensors"])
    weights[-1] ^= 1
    others = [
        {"vocab.txt": mine["vocab.txt"].replace(b"[unused0]", b"penguin")},
        {"model.safetensors": bytes(weights)},
    ]
    held = [library.adopted(mine | other) for other in ({}, *others)]
    assert len({name for name, _ in held}) == 3
    assert all(find(name) is model for name, model in held) and library.adopted(mine) == held[0]
    mine_read, other_read = (Scene(model=name, sentence="penguin").tokens for name, _ in held[:2])
    assert other_read == ("[CLS]", "penguin", "[SEP]") != mine_read


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"../config.json": b"{}"}, "is not the name of a file"),
        ({"a/model.safetensors": b""}, "is not the name of a file"),
        ({"x" * 256: b""}, "is not the name of a file"),
        ({"pytorch_model.bin": b"\x80"}, "pickle"),
        ({"model.zip": b"PK"}, "archive"),
        ({"config.json": b"{}"}, "model.safetensors: missing"),
        ({"x.gguf": b"GGUF"}, "is no GGUF file"),
        ({"config.json": b"{}", "model.safetensors": b"12345678"}, "model.safetensors"),
        (
            {"config.json": json.dumps({"model_type": "t5"}).encode(), "model.safetensors": b"\2" + b"\0" * 7 + b"{}"},
            "t5",
        ),
        ({"x.gguf": b"0" * (limits.REAL_UPLOAD + 1)}, "at most"),
    ],
)
def test_other_files_are_refused_by_name(given, why):
    with pytest.raises(WeightsError, match=why):
        library.adopted(given)


@pytest.mark.parametrize("model", ONE_STACK)  # of two stacks the trace is kept whole (core/scene/run.py)
def test_a_recalled_trace_is_the_whole_one(model, monkeypatch):
    scene = Scene(model=model, ablated=((0, 0),), temperature=0.5)
    params = compute.params(scene)
    whole = core.run(scene, params).trace
    monkeypatch.setattr(limits, "TRACE", 0)
    recalled = core.run(scene, params, weights=lambda: params).trace
    assert isinstance(recalled, Recalled) and list(recalled) == list(whole) and len(recalled) == len(whole)
    for name in [*whole][::-1]:
        assert name in recalled and recalled.shape(name) == whole.shape(name)
        assert np.array_equal(recalled[name], whole[name], equal_nan=True), name
    with monkeypatch.context() as patch:  # what there is, the run has told: nothing is computed for it
        patch.setattr("core.scene.recall.block", None)
        again = core.run(scene, params, weights=lambda: params).trace
        assert [again.shape(name) for name in again] == [whole.shape(name) for name in whole]
    assert recalled.nbytes < whole.nbytes and recalled.interventions == whole.interventions != Interventions()
    again = core.run(scene, params, weights=lambda: params).trace  # of which no block was asked for yet
    for name in whole:
        assert np.allclose(again.row(name, -1), whole[name][-1], rtol=1e-5, atol=1e-5, equal_nan=True), name
        assert again.shape(name) == whole.shape(name)
    for name in (name for name in whole if name.endswith((".k", ".rot_k", ".v"))):
        for n in (0, 1, 3, whole[name].shape[-2]):
            assert np.allclose(again.first(name, n), whole.first(name, n), rtol=1e-5, atol=1e-5), name
            assert whole.first(name, n).shape[-2] == n
    assert again.at_hand("blocks.0.resid_pre") and not again.at_hand("blocks.0.attn.q")
    with pytest.raises(KeyError, match="no such array"):
        recalled["blocks.9.attn.q"]
    with pytest.raises(KeyError):
        again.shape("blocks.9.attn.q")


@pytest.mark.parametrize("parts", [{}, {"parallel": True}, {"norm_at": "post"}])
def test_of_a_block_no_half_is_computed_again_for_the_other(parts, monkeypatch):
    config, ids = core.PRESETS["gpt"].config.replace(**parts), np.arange(7)
    params = core.init_params(config)
    whole = core.forward(params, config, ids)

    def recalled() -> Recalled:
        return Recalled(core.forward(params, config, ids, names=kept(config)), config, lambda: params)

    names = [name for name in whole if name.startswith("blocks.2.")]
    behind = [name for name in names if name.split(".", 2)[2].startswith(("ln2.", "mlp"))]
    assert len(behind) > 4
    for half, unneeded in ((behind, "attention"), ([name for name in names if name not in behind], "mlp")):
        trace = recalled()
        with monkeypatch.context() as patch:
            patch.setattr(f"core.model.{unneeded}", None)
            for name in random.Random(0).sample(half, len(half)):
                assert np.array_equal(trace[name], whole[name]), name
    if not parts.get("norm_at"):
        trace = recalled()
        monkeypatch.setattr("core.model.attention", None)
        assert np.array_equal(trace["blocks.1.ln1.out"], whole["blocks.1.ln1.out"])


@pytest.mark.parametrize("model", ONE_STACK)
def test_the_block_that_a_page_draws_is_kept_with_the_run(model, monkeypatch):
    scene = Scene(model=model)
    params, last = compute.params(scene), scene.config.n_layers - 1
    whole = core.run(scene, params).trace
    monkeypatch.setattr(limits, "TRACE", 0)
    kept, plain = (core.run(scene, params, weights=lambda: params, block=b).trace for b in (last, None))
    assert list(kept) == list(whole) and all(kept.at_hand(name) == plain.at_hand(name) for name in whole)
    with monkeypatch.context() as patch:
        patch.setattr("core.scene.recall.block", None)
        for name in (name for name in whole if f".{last}." in name):
            assert np.array_equal(kept[name], whole[name], equal_nan=True), "all of it, and nothing computed again"
    assert all(np.array_equal(kept[name], whole[name], equal_nan=True) for name in whole), "of the others too"
    monkeypatch.setattr(limits, "BLOCK", 0)
    assert core.run(scene, params, weights=lambda: params, block=last).trace.nbytes == plain.nbytes
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr("core.scene.recall.block", None)
        core.run(scene, params, weights=lambda: params, block=last).trace[f"blocks.{last}.attn.v"]
    some = core.run(scene, params, weights=lambda: params, block=last, drawn=("attn.[qk]", "attn.z")).trace
    assert list(some) == list(whole)
    with monkeypatch.context() as patch:  # of a longer text what is drawn of it
        patch.setattr("core.scene.recall.block", None)
        for name in ("q", "k", "z"):
            assert np.array_equal(
                some[f"blocks.{last}.attn.{name}"], whole[f"blocks.{last}.attn.{name}"], equal_nan=True
            )
    assert all(np.array_equal(some[name], whole[name], equal_nan=True) for name in whole)


@pytest.mark.parametrize("kept", [limits.BLOCK, 0], ids=["short", "long"])
@pytest.mark.parametrize("name", ["attention", "block", "reading"])
def test_a_page_that_draws_one_block_computes_none_again(name, kept, monkeypatch):
    monkeypatch.setattr(limits, "TRACE", 0)
    monkeypatch.setattr(limits, "BLOCK", kept)
    monkeypatch.setattr(limits, "ABLATIONS", 0)  # those of Reading heads, which are asked for, run all blocks above
    monkeypatch.setattr("core.scene.recall.block", None)
    monkeypatch.setattr("core.scene.recall.feed_forward", None)
    memory.BUDGET.clear()
    at = fine(page(name, model="gpt", layer="1"))
    text = at.text_input(key=next(box.key for box in at.text_input if box.key.startswith("knob-sentence")))
    fine(text.input("the seal sees a fish").run())
    assert isinstance(compute.run(at.session_state[SCENE]).trace, Recalled)
    memory.BUDGET.clear()


def test_the_page_shows_cards_and_a_model_becomes_the_story_of_every_page(tmp_path, shelf):
    folder(tmp_path, "<b>tiny")
    (tmp_path / "old.zip").write_bytes(b"PK")
    at = fine(page("models", lang="en", sentence="a bee"))
    assert "an archive; unpack it first" in html(at) and "&lt;b&gt;tiny" in html(at) and "<b>tiny" not in html(at)
    (name,) = shelf.offered()
    fine(at.button(key=f"use-{name}").click().run())
    scene = at.session_state[SCENE]
    assert scene.model == name and scene.sentence == "a bee" and [*at.query_params["model"]] in ([name], [*name])
    assert f"/attention?model={name}&sentence=a+bee" in at.code[0].value
    assert alike.texts(scene)[-1] == "a bee" and words_of("en")("models.alike.title") in html(at)
    assert not alike.readable(Scene()), "a toy knows none of these words"
    fine(at.button(key=f"check-{name}").click().run())
    assert words_of("en")("models.whole", n=len(find(name).learned)) in html(at)
    (tmp_path / "<b>tiny" / "config.json").unlink()
    shelf._open.clear(), shelf._look()
    gone = fine(at.run())
    assert gone.session_state[SCENE].model == "penguins" and "does not have the model" in html(gone)


def test_a_model_that_a_reader_brought_has_its_card_in_a_session_that_a_reload_began(tmp_path, shelf):
    name, model = library.adopted({path.name: path.read_bytes() for path in folder(tmp_path / "theirs").iterdir()})
    shutil.rmtree(tmp_path / "theirs")
    model = replace(model, card=replace(model.card, title="<i>mine"))
    with patch.dict("core.presets._living", {name: model}):
        at = fine(page("models", lang="en", model=name))
        assert "&lt;i&gt;mine" in html(at) and words_of("en")("models.used") in html(at)
        assert words_of("en")("models.open") in html(at) and words_of("en")("models.closed") not in html(at)
        assert name in at.code[0].value and words_of("en")("models.none", variable="FIBRA_MODELS") not in html(at)
        pinned = {"model": "penguins", "pin": "1", "pin.model": name}
        assert fine(page("models", lang="en", **pinned)).button(key=f"use-{name}")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_of_which_nothing_finite_comes_are_not_said_to_be_alike(lang):
    """Cosines of NaN were 0, the first two of all the most alike, and each the likest of its translation."""
    words, scene = words_of(lang), Scene(model="alice")
    size = len(alike.texts(scene))
    for lost in ([*range(size)], [2]):
        means = np.ones((size, 4))
        means[lost] = np.nan
        with patch.object(alike, "vectors", lambda _, means=means: means):
            made = alike.alike(scene, words)
        assert made.says == words("models.alike.says.lost", n=len(lost), of=size)
        assert str(len(lost)) in made.says and str(size) in made.says
        z = np.asarray(made.figure["data"][0]["z"], float)
        assert np.isnan(z[lost]).all() and np.isnan(z[:, lost]).all()
        assert np.isfinite(z).sum() == (size - len(lost)) ** 2


def test_how_alike_two_sentences_are_is_explained_by_their_own_runs(tmp_path, shelf):
    """Each cell of the map; and down to what the model makes of one sentence's token, which that run explains."""
    folder(tmp_path)
    (name,) = (one.name for one in shelf.cards())
    scene, words = Scene(model=name, sentence="a bee", ablated=((0, 0),), off=("mlp",)), words_of("en")
    here, made = world("models", scene, words), alike.alike(scene, words)
    z, n = np.asarray(made.figure["data"][0]["z"], np.float64), len(alike.texts(scene))
    assert z.shape == (n, n) == (9, 9) and [number for number, _ in alike.listed(scene)] == list("123456789")
    for row, column in ((0, 0), (2, 7), (8, 3), (5, 4)):
        number = made.numbers.at({"x": column, "y": row})
        found = here.explain(number)
        assert found.value == pytest.approx(z[row, column], abs=1e-5) and found.recomputed() == found.value
        at = made.numbers.place(number)
        assert (at["x0"] + 0.5, at["y0"] + 0.5) == (column, row)
        below = here.explain((found.operands[-1].name, found.operands[-1].index))
        assert below.index[0] == column and below.value == pytest.approx(found.operands[-1].value, abs=1e-5)
        text, (_, last) = alike.texts(scene)[column], below.operands[0].name.split(".", 2)[1:]
        ids = scene.preset.tokenizer.encode(text).ids
        alone = core.forward(scene.preset.learned, scene.preset.config, ids)[last]
        assert below.value == pytest.approx(float(alone[:, below.index[1]].mean()), abs=1e-5)
        one = below.operands[1]
        assert one.index == (1, below.index[1]) and one.name.startswith(f"told.{column}.")
        own = here.explain((one.name, one.index))
        assert own.value == pytest.approx(one.value, abs=1e-5) and all(
            x.name.startswith("told.") for x in own.operands[:5]
        )
    for lang in LANGUAGES:
        shown = card.shown("models", scene.turn(explained=(("akin.sentences", (2, 7)),)), words_of(lang))
        assert [size for _, size, _ in shown.axes] == [9, 9] and shown.axes[0][2][8].endswith("a bee")
        assert words_of(lang)("explain.at.sentence", n=8) in shown.card.html and "told" not in shown.card.says
    assert families("models", scene) == ["akin.sentences"] and not here.has(("akin.sentences", (0, 9)))
    assert not here.has(("told.9.embed", (0, 0))) and not world("attention", scene, words).has(
        ("akin.sentences", (0, 0))
    )
    assert world("models", Scene(), words) is None
    at = fine(page("models", **{**scene.to_query(), "explained": "akin.sentences:2.7"}, lang="en"))
    assert len(at.latex) == 1 and r"\cos" in at.latex[0].value
    assert "explained" not in at.code[0].value, "which leads to another page"


def test_a_large_model_s_heads_are_switched_off_layer_by_layer_when_asked_for(monkeypatch):
    scene = Scene(model="gpt", layer=2, ablated=((2, 1),))
    about = compute.params(scene), scene.config, compute.run(scene).trace
    assert asked.ABLATIONS.unasked(scene) and len(ablation.parts(scene)) == 4
    assert np.array_equal(np.stack([one.moved for one in ablation.of_all(scene)]), core.interpret.head_effects(*about))
    predicted = np.stack([one.predicted for one in ablation.of_all(scene)], axis=1)
    assert np.array_equal(predicted, core.interpret.prediction_effects(*about))
    assert ablation.of_all(Scene(model="encoder"))[0].predicted is None
    monkeypatch.setattr(limits, "ABLATIONS", 1)
    assert not asked.ABLATIONS.unasked(scene)
    assert not asked.KEYS.unasked(scene)
    n = len(scene.tokens)
    assert [part[1:] for part in importance.parts(scene)] == [(0, n)], "under a mask one row alone is computed again"
    rows = [scene.turn(query=query) for query in (0, n - 1)]
    about = importance.again(scene, 1 / n, 1), importance.again(scene, 1, 1)
    monkeypatch.setattr(limits, "ABLATIONS", sum(about) / 2)
    assert [asked.KEYS.unasked(row) for row in rows] == [True, False]
    monkeypatch.setattr(limits, "ABLATIONS", 1)
    sees_all = Scene(model="encoder_full", sentence=" ".join(f"w{i}" for i in range(20)))
    assert [part[1:] for part in importance.parts(sees_all)] == [(0, 16), (16, 20)]
    monkeypatch.undo()
    assert [part[1:] for part in importance.parts(sees_all)] == [(0, 20)]


def test_a_real_model_reads_longer_texts_than_one_of_the_stories(tmp_path, shelf, monkeypatch):
    folder(tmp_path)
    name = shelf.cards()[0].name
    monkeypatch.setattr(limits, "TOKENS", 4)
    assert room("gpt") == (4, limits.SENTENCE_CHARACTERS) and room(name) == (32, limits.LONG_CHARACTERS)
    text, cut = fit_sentence("a bee " * 32, model=name)
    scene = Scene(model=name, sentence=text)
    assert len(scene.tokens) == 32 and cut.right == "32"
    short = beginning(scene)
    assert len(short.tokens) == limits.FOLLOWED and scene.text.startswith(short.text) and beginning(short) is short


def test_pictures_leave_out_the_first_token_and_say_so():
    words, scene = words_of("en"), Scene(model="induction", without_first=True)
    run, n = compute.run(scene), len(scene.tokens)
    there = np.arange(n) > 0
    a = stacks.patterns(scene)
    assert left_out.kept(scene).tolist() == there.tolist() and left_out.kept(Scene(model="induction")).all()
    assert left_out.kept(Scene(sentence="a b", without_first=True)).all(), "one token alone is no picture"
    shares = left_out.renormalized(a, scene)
    assert shares.shape[-2:] == (n - 1, n - 1) and np.allclose(shares.sum(-1), 1)
    assert np.allclose(shares[..., 3, 1], a[..., 4, 2] / a[..., 4, 1:].sum(-1))
    weights = left_out.hidden(a, scene)
    assert np.array_equal(weights[..., 1:, 1:], a[..., 1:, 1:]) and not weights[..., 0].any()
    scores = labels.scores_of(scene)
    assert not scores["first"].any() and labels.scores_of(Scene(model="induction"))["first"].any()
    previous = [shares[layer, head].diagonal(-1)[:].mean() for layer, head in np.ndindex(scores["previous"].shape)]
    assert np.allclose(scores["previous"].ravel(), previous, atol=1e-6)
    for builder, how in ((reading.labels, "shares"), (fibres.light, "weights"), (drift.drift, "way")):
        told = words(f"shell.left_out.{how}", n=1, tokens="“pi” (position 0)")
        assert builder(scene, words).says.endswith(told) and told not in builder(Scene(model="induction"), words).says
    stages = residual_stages(run.trace, 2)[:, there].astype(np.float64)
    expected = pca(stages.reshape(-1, stages.shape[-1])).explained
    assert np.allclose(drift.basis(drift.directions(scene)).explained, expected)


def test_special_tokens_are_left_out_too(tmp_path, shelf):
    folder(tmp_path)
    scene = Scene(model=shelf.cards()[0].name, sentence="a bee", without_first=True)
    assert scene.tokens == ("[CLS]", "a", "b", "##e", "##e", "[SEP]")
    assert left_out.kept(scene).tolist() == [False, True, True, True, True, False]
    assert "“[CLS]” and “[SEP]”" in left_out.told(scene, words_of("en"), "way")


def test_marks_at_a_token_s_edge_are_explained_where_they_are_seen(tmp_path, shelf):
    folder(tmp_path)
    words, scene = words_of("en"), Scene(model=shelf.cards()[0].name, sentence="a bee")
    assert pieces.marks(scene, words) == "## says that a token goes on the word before it, without a space: ##e."
    assert pieces.marks(scene.turn(sentence="a b"), words) == "" == pieces.marks(Scene(sentence="## a"), words)
    machado = Scene(model="machado", sentence="não disse que")
    begins = [token for token in machado.tokens if token.startswith(" ") and token.strip()]
    said = pieces.marks(machado, words)
    assert said == (f"␣ is a space that belongs to its token: ␣{begins[0][1:]}." if begins else "")


def test_a_blank_at_a_token_s_edge_is_seen():
    assert shown(" Paris") == "␣Paris" and shown("Paris\n") == "Paris⏎" and shown("a b") == "a b" and shown(" ") == "␣"
    assert token_name([" a", "b"], 0, words_of("en")) == "“␣a”"


@pytest.mark.parametrize("model", pictures.shipped())
def test_the_thumbnail_of_a_trained_model_is_a_small_file(model, monkeypatch):
    real = compute.run(Scene(model=model)).trace[core.PRESETS[model].portrayed]
    monkeypatch.setattr(compute, "run", None)  # nothing is computed for it
    assert np.allclose(start.portrayed(model), real, atol=1e-6)
    assert (SHIPPED / model / PORTRAIT).stat().st_size < 20_000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_that_was_brought_says_whose_it_is(lang):
    words = words_of(lang)
    for name in pictures.shipped():
        licence = dict(pictures.rows_of_shipped(name, words))[words("models.rows.licence")]
        assert ("Fibra" in licence) == (name not in ("machado", "alice"))
        assert "Fibra" in licence or ("MIT" in licence and "glassllm 0.1.0" in licence)
