"""Whose attention a picture shows, where a model has two stacks: its arrays, who looks and who is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from core import Scene
from core.scene.translation import translate
from pictures import compute, stacks
from pictures.translate import text as texts
from pictures.words import words_of

HERE = Scene(model="translator", layer=9, head=9, query=64, key=64)


def test_looks_of_one_stack_are_its_own():
    scene = Scene(model="gpt", layer=1, ablated=((0, 1),))
    found = stacks.looks(scene)
    assert stacks.kinds(scene) == () and not found.kind and not found.crosses and found.causal
    assert found.rows == found.columns == scene.tokens and (found.place, found.cell) == (scene.place, scene.cell)
    assert found.name("pattern") == "blocks.1.attn.pattern" and found.reads == found.looked_in == "blocks.1.ln1.out"
    assert stacks.looks(scene.turn(attention_of="encoder")) == found and found.ablated == {(0, 1)}


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("model", ["translator", "seq2seq"])
def test_looks_of_two_stacks_stand_in_the_trace(model, kind):
    scene = HERE.turn(model=model, attention_of=kind)
    found, run = stacks.looks(scene), compute.run(scene)
    size = (found.config.n_layers, found.config.n_heads, len(found.rows), len(found.columns))
    assert stacks.patterns(scene).shape == size and found.kind == kind
    assert np.array_equal(stacks.patterns(scene)[-1], run.trace[found.name("pattern")])
    assert run.trace[found.name("k")].shape[-2] == len(found.columns)
    assert len(run.trace[found.reads]) == len(found.rows) and len(run.trace[found.looked_in]) == len(found.columns)
    assert found.place == (1, 3) and found.cell == (len(found.rows) - 1, len(found.columns) - 1)
    assert found.causal == (kind == "decoder")


def test_rows_of_cross_attention_are_what_is_written_there():
    for scene in (HERE, HERE.turn(sentence="<pt> yesterday the white seals see the boat ."), Scene(model="seq2seq")):
        text = texts.translated(scene)
        assert stacks.looks(scene).rows == tuple(texts.written(scene, text, words_of("en")))
        assert stacks.read(scene)[1:] == stacks.written(scene)[:-1]


def test_without_cross_attention_the_decoder_s_own_is_shown():
    scene = HERE.switch(cross=False)
    assert stacks.kinds(scene) == ("encoder", "decoder") and stacks.looks(scene).kind == "decoder"
    assert translate(scene).steps


def test_where_nothing_is_written_the_row_is_what_was_read():
    lost = Scene(model="seq2seq", sentence="um").override(init="unit", d_mlp=256, n_layers=12)
    lost = lost.switch(residual=False, norm=False, cross=False)
    assert stacks.written(lost) == stacks.read(lost) == ("um",) and texts.translated(lost) is None
