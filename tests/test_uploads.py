"""A model that somebody uploads: measured by its header before a number is read, its words those of a text, and shown
to nobody else.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import core
from core import WeightsError, limits
from core.presets import living_bytes, register
from core.tokenizer.words import FixedVocabulary
from core.weights import write
from core.weights.model_file import Portable, pack, unpack
from pictures import memory
from tests.support import open_page
from ui import state
from ui.train import files, run_memory

SMALL = core.Config(vocab_size=4, n_ctx=8, d_model=4, n_layers=1, n_heads=1, d_mlp=8, causal=True, unembed=True)
TOKENS = ("a", "b", "c", "d")
MOST = 8 << 20  # bytes: what a refusal may take beside the file; a header is at most 1 MB


def said(tmp_path, params: dict | None = None, **about: str) -> bytes:
    """A file of these parameters that says of itself what `about` does."""
    metadata = {
        "config": json.dumps({"model_type": "fibra"} | vars(SMALL)),
        "vocabulary": json.dumps(TOKENS),
        **{"split": "words", "task": "copy", "sentence": "a b"},
    }
    write(tmp_path / "x", core.init_params(SMALL) if params is None else params, metadata | about)
    return (tmp_path / "x").read_bytes()


def refusal(data: bytes) -> str:
    """Why the file is refused: soon, and without much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as refused:
            unpack(data)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    str(refused.value).encode("utf-8")  # a page can say it
    assert len(str(refused.value)) < 500
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("d_head", {"d_head": 1_000_000}),
        ("d_head", {"d_head": 257}),
        ("n_ctx", {"n_ctx": 1_000_000}),
        ("n_ctx", {"n_ctx": limits.TOKENS + 1, "positions": "learned"}),
        ("d_mlp", {"d_mlp": 1_000_000}),
        ("d_model", {"d_model": 512, "d_head": 4}),
        ("n_heads", {"n_heads": 17, "d_head": 1}),
        ("n_layers", {"n_layers": 13}),
        ("vocab_size", {"vocab_size": 1_000_000}),
        ("parameters", {"vocab_size": 9_000, "d_model": 256, "n_heads": 1}),
        ("rotary", {"positions": "rotary", "rotary_dim": 1_000_000}),
        ("n_kv_heads", {"n_kv_heads": 1_000_000}),
        ("parameters", {"d_model": 10**9, "n_heads": 1}),
        ("d_model", {"d_model": 10**30}),
        ("vocab_size", {"vocab_size": True}),
    ],
    ids=str,
)
def test_sizes_are_refused_before_anything_is_allocated(tmp_path, name, sizes):
    assert name in refusal(said(tmp_path, config=json.dumps({"model_type": "fibra"} | vars(SMALL) | sizes)))


def test_a_width_that_its_numbers_fill_is_refused_too(tmp_path):
    """The file holds what it says, 16 MB of it; a page would have taken gigabytes for it."""
    wide = replace(SMALL, d_model=2, d_head=400_000, d_mlp=0)
    params = {name: np.zeros(shape, np.float32) for name, shape in core.param_shapes(wide).items()}
    data = said(tmp_path, params, config=json.dumps({"model_type": "fibra"} | vars(wide)))
    assert len(data) > 12_000_000
    assert "d_head" in refusal(data)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("vocabulary", {"vocabulary": r'["a", "b", "c", "\ud800"]'}),
        ("vocabulary", {"vocabulary": r'["a", "b", "c", "\udfff\ud800"]'}),
        ("vocabulary", {"vocabulary": r'["a", "b", "c", "\u0000"]'}),
        ("vocabulary", {"vocabulary": r'["a", "b", "c", "\u009b"]'}),
        ("vocabulary", {"vocabulary": json.dumps(["a", "b", "c", "d" * 65])}),
        ("vocabulary", {"vocabulary": json.dumps(["a", "b", "c", "c"])}),
        ("vocabulary", {"vocabulary": '{"a": 1}'}),
        ("vocabulary", {"vocabulary": '["a", "b", "c", "d"], "e": 1'}),
        ("sentence", {"sentence": "a" + chr(0x301) * 400_000}),
        ("sentence", {"sentence": "a " * 400_000}),
        ("sentence", {"sentence": "a \x1b[31m b"}),
        ("sentence", {"sentence": " \n "}),
        ("task", {"task": "copy\nlines"}),
        ("task", {"task": "t" * 65}),
        ("task", {"task": "\u202ecopy"}),
        ("split", {"split": "lines" * 100}),
        ("config", {"config": '{"model_type": "fibra", "x": "' + r"\ud800" + '"}'}),
        ("model_type", {"config": '{"model_type": "gpt2"}'}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_words_that_are_none_are_refused_by_name(tmp_path, name, about):
    assert name in refusal(said(tmp_path, **about))


def test_numbers_that_are_not_finite_are_refused_and_no_more_is_said(tmp_path, recwarn):
    params = core.init_params(SMALL)
    params["unembed.W_U"][-1, -1] = np.nan
    assert "unembed.W_U: has numbers that are not finite" in refusal(said(tmp_path, params))
    assert not recwarn.list, "nobody reads a server's log for that"


def test_half_a_character_in_the_header_is_refused(tmp_path):
    data = said(tmp_path, sentence="a ????")
    assert "surrogate" in refusal(data.replace(b"a ????", rb"\ud800"))


def test_a_line_break_and_an_emoji_are_text(tmp_path):
    tokens = ("\n", "\t", "👩‍👩‍👧", "ã")
    model = unpack(said(tmp_path, vocabulary=json.dumps(tokens), split="characters", sentence="ã\n👩‍👩‍👧"))
    assert model.tokenizer.tokens == tokens
    assert pack(unpack(pack(model))) == pack(model)


# ------------------------------------------------------------------------------------------- two people's equal weights

MODEL = Portable(SMALL, core.init_params(SMALL), FixedVocabulary(TOKENS), "copy", "a b")


def preset(model: Portable) -> core.Preset:
    about = {"tokenizer": model.tokenizer, "source": lambda: model.params}
    return core.Preset(model.task, model.config, model.sentence, **about)


@pytest.mark.parametrize(
    "other",
    [
        {"sentence": "b a"},
        {"task": "sort"},
        {"tokenizer": FixedVocabulary(TOKENS[::-1])},
        {"tokenizer": FixedVocabulary(TOKENS, "characters")},
        {"config": replace(SMALL, scale=False)},
        {"params": {name: p.astype(np.float64) for name, p in MODEL.params.items()}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_equal_weights_of_two_people_have_two_names(other):
    mine, theirs = register(preset(MODEL)), register(preset(replace(MODEL, **other)))
    assert mine[0] != theirs[0] and mine[1] is not theirs[1]
    assert register(preset(MODEL)) == mine


def test_each_is_shown_their_own():
    for sentence in ("a b c", "d c b a"):
        name, held = register(preset(replace(MODEL, sentence=sentence)))
        at = open_page("attention", {"model": name, "lang": "en"})
        assert not at.exception and at.session_state["fibra.scene"].text == sentence == held.sentence


# ---------------------------------------------------------------------------------------------- all people's together


def test_models_of_all_sessions_are_counted_and_stay_under_their_limit(monkeypatch):
    gc.collect()
    before, sessions = living_bytes(), {who: {"fibra.scene": core.Scene()} for who in ("mine", "theirs")}
    size = sum(array.nbytes for array in MODEL.params.values())

    def as_session(who: str) -> None:
        monkeypatch.setattr(state, "st", SimpleNamespace(session_state=sessions[who]))

    def use(i: int) -> str:
        return files.use(replace(MODEL, params={name: p + i for name, p in MODEL.params.items()}))

    def room(models: float) -> None:
        monkeypatch.setattr(limits, "MODELS", before + int(models * size))

    as_session("mine")
    first, second = use(1), use(2)
    run_memory.balance()
    assert memory.BUDGET._taken["models"] == living_bytes() == before + 2 * size
    room(2.5)
    as_session("theirs")
    with pytest.raises(files.Full):
        use(3)
    assert living_bytes() == before + 2 * size

    room(1.5)  # the next page that either opens lets go what it does not show
    as_session("mine")
    sessions["mine"]["fibra.scene"] = core.Scene(model=second)
    state.make_room()
    assert [*state.models()] == [second] and core.presets.find(first) is None
    room(2.5)
    as_session("theirs")
    assert core.presets.find(use(3)) in state.models().values()
    for session in sessions.values():
        session.clear()
    gc.collect()
    run_memory.balance()
    assert memory.BUDGET._taken["models"] == living_bytes() == before
