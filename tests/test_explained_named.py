"""What a page offers to explain is there, has a name for each of its places, and leads to no run that there is not."""

from __future__ import annotations

import re

import numpy as np
import pytest

import core
from core import Scene
from core.explain.explanation import Explanation, Operand
from core.interpret import LABELS
from pictures import cause, compute
from pictures.explained import card as cards
from pictures.explained import derived, naming, runs
from pictures.explained.naming import MADE, families, index_at, title
from pictures.explained.page_world import world
from pictures.words import words_of
from tests.derived_by_hand import GPT, of

EN = words_of("en")
PAGES = (
    "start",
    "attention",
    "heads",
    "reading",
    "fibres",
    "drift",
    "block",
    "generate",
    "translate",
    "backward",
    "cause",
)
SCENES = {
    "gpt": GPT.turn(ablated=((0, 1),), cut=((0, 0, 3, 1),)),
    "rotary": GPT.override(positions="rotary", norm="none", d_mlp=0),
    "stories": Scene(model="stories", without_first=True, rows_renormalized=True),
    "penguins": Scene(),
    "two stacks": Scene(model="translator", ablated=((0, 1, "encoder"),), attention_of="encoder"),
    "no stream": GPT.turn(off=("residual",)),
    "few keys": Scene(model="alice", sentence="Alice was here", layer=1, head=3, query=2, key=1, dimension=40),
}


def layer_0(family: str) -> str:
    return family.replace("*", "0")


@pytest.mark.parametrize("named_scene", SCENES)
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_offers_is_there_and_named(page: str, named_scene: str) -> None:
    scene = SCENES[named_scene]
    if (here := world(page, scene, EN)) is None:
        return
    offered = families(page, scene)
    assert len({*offered}) == len(offered)
    for name in map(layer_0, offered):
        size, axes = here.shape(name), here.axes(name)
        assert len(size) == len(axes) and all(size), name
        most = tuple(n - 1 for n in size)
        assert here.has((name, most)) and not here.has((name, size)), name
        text, where = title((name, most), here, EN), title((name, most), here, EN).partition(" · ")[2]
        assert not text.endswith("· ") and ("layer 0" in text) == ("blocks.0" in name and "[" not in text), text
        assert ("head " in where) == ({"head", "kv_head"} & {*axes} != set()), text
        looked = index_at(name, here, scene)
        own = {"head": scene.head, "kv_head": scene.head, "query": scene.query, "pos": scene.query, "key": scene.key}
        for axis, at, length in zip(axes, looked, size, strict=True):
            wanted = own.get(axis, scene.dimension if axis.startswith("d_") else 0)
            assert at == min(wanted, length - 1), (name, axis)
        for axis, length, listed in cards.shown(page, scene.turn(explained=((name, most),)), EN).axes:
            told = here.tokens_of(name, axis) if axis in ("pos", "query", "key") else ()
            assert len(listed) == (length if told else 0), (name, axis)
            assert all(token.strip() in text for token, text in zip(told, listed, strict=False)), (name, axis)


def test_a_page_offers_the_derived_numbers_that_there_are() -> None:
    """Of those that it draws of some model, each where this one has them; but for what depends on more than that."""
    for page in MADE:
        for key, scene in SCENES.items():
            if (here := world(page, scene, EN)) is None:
                continue
            offered = families(page, scene)
            for name in MADE[page]:
                kind = name.partition(".")[0]
                if kind in ("held", "aligned", "lost", "cut", "score_mean", "score_least", "score_most"):
                    continue
                if kind == "probability" and scene.config.n_encoder_layers:  # its cuts are of one text
                    continue
                try:
                    there = all(here.shape(layer_0(name)))
                except core.ConfigError:
                    there = False
                assert (name in offered) == there, (page, key, name)


def test_of_two_stacks_a_page_offers_what_it_draws_of_them() -> None:
    two = Scene(model="translator")
    assert "probability.logits" in families("fibres", GPT) and "probability.logits" not in families("fibres", two)
    unknown = of("translate", Scene(model="seq2seq"))
    assert unknown.has(("sharp.blocks.0.cross.pattern", (0,))), "of which the grammar knows no word"
    assert not any(
        unknown.has((f"{kind}.blocks.0.cross.pattern", (0,) * n)) for kind, n in (("aligned", 1), ("finds", 2))
    )


@pytest.mark.parametrize(("page", "hides"), [("attention", True), ("heads", True), ("reading", False)])
def test_what_a_map_divides_is_offered_first(page: str, hides: bool) -> None:
    scene = Scene(model="stories", without_first=True, rows_renormalized=True)
    assert (families(page, scene)[0] == "renormalized.blocks.*.attn.pattern") == hides
    assert not any(one.startswith("renorm") for one in families(page, scene.turn(rows_renormalized=False)))


def test_a_title_says_which_attention_and_whose_run_a_number_is_of() -> None:
    two, gpt = of("heads", Scene(model="translator")), of("heads", GPT)
    titles = {
        kind: title((f"mean_entropy.{name}.pattern", (1,)), two, EN)
        for kind, name in {
            "cross": "blocks.1.cross",
            "encoder": "encoder.blocks.1.attn",
            "own": "blocks.1.attn",
        }.items()
    }
    assert ["cross-attention" in text for text in titles.values()] == [True, False, False], titles
    assert ["encoder" in text for text in titles.values()] == [False, True, False], titles
    assert titles["own"] == title(("mean_entropy.blocks.1.attn.pattern", (1,)), gpt, EN)
    gap = of("cause", Scene(model="stories"))
    assert title(("gap.logits", (0,)), gap, EN) == EN("explain.derived.gap"), "it is one alone"
    assert title(("embed.W_E", (3, 2)), gpt, EN).endswith(" · [3, 2]")
    assert title(("drift.blocks.0.resid_pre", (2, 1)), of("drift", GPT), EN).endswith("layer 0, “viu”, PC2")
    label = title(("held.blocks.1.attn.pattern", (1, 4)), of("reading", Scene(model="stories")), EN)
    assert label.endswith(f"head 1, “{EN(f'reading.names.{LABELS[4]}')}”")
    said = of("translate", Scene(model="translator", words_translated=3))
    assert title(("position", (1,)), said, EN).endswith(EN("explain.at.pos", n=1)), "of both texts alike"
    pinned = of("attention", GPT.pin().turn(temperature=2.0))
    assert pinned.explain(("pinned.logits", (1, 2))).name == "pinned.logits"
    assert title(("pinned.logits", (1, 2)), pinned, EN).startswith(EN("explain.pinned", name="").strip(" :"))
    other = of("cause", Scene(model="stories"))
    plain = other.explain(("put_stream.1.2.blocks.0.attn.q", (0, 1, 2)))
    assert plain.formula.startswith("Q = ") and plain.name == "put_stream.1.2.blocks.0.attn.q"
    assert other.explain(("put_stream.1.2.blocks.1.resid_pre", (2, 3))).formula == r"\text{patch}"
    assert other.explain(("put_stream.1.2.blocks.1.resid_pre", (1, 3))).formula != r"\text{patch}"
    there = of("reading", GPT)
    for name, place, known in (
        (
            "blocks.1.attn.q",
            (0, 1, 2),
            {"blocks.1.ln1.out": True, "blocks.1.attn.W_Q": False, "blocks.1.attn.b_Q": False},
        ),
        ("blocks.1.attn.scores_masked", (0, 1, 3), {"blocks.1.attn.scores_scaled": True, "mask": False}),
        ("embed", (1, 2), {"embed.W_E": False}),
    ):
        names = {one.name for one in there.explain((f"without.0.1.{name}", place)).operands}
        assert names == {f"without.0.1.{own}" if its else own for own, its in known.items()}, "weights are those of all"
    own = {one.name for one in pinned.explain(("pinned.embed", (1, 2))).operands}
    assert own == {"pinned.embed.W_E"}, "but for the pinned run's, which may be another model's"
    lengths = {"length.blocks.0.attn.q": ("head", "pos"), "length.blocks.0.resid_pre": ("pos",)}
    assert {name: gpt.axes(name) for name in lengths} == lengths


def test_a_run_without_what_there_is_not_is_refused() -> None:
    for page in ("reading", "heads"):
        here = of(page, GPT)
        for name in (
            *("without.0.2.logits", "without.2.0.logits", "without.2.2.logits", "without_cross.0.0.logits"),
            *("without_encoder.0.0.logits", "left.0.2.1.0.logits", "left.2.0.1.0.logits", "left.0.0.5.0.logits"),
            *("left.0.0.1.5.logits", "left_cross.0.0.1.0.logits", "uncut.logits", "other.logits", "kept.0.0.logits"),
        ):
            assert not here.has((name, (0, 0))), (page, name)
        for name in ("without.1.1.logits", "left.1.1.4.4.logits", "whole.logits"):
            assert here.has((name, (0, 0))), (page, name)
    two = of("reading", Scene(model="translator", attention_of="cross"))
    assert two.has(("without_cross.1.3.logits", (0, 0))) and two.has(("left_encoder.0.1.0.2.logits", (0, 0)))
    for name in (
        "without_cross.1.9.logits",
        "without_encoder.9.0.logits",
        "left_encoder.0.1.99.0.logits",
        "whole.logits",
    ):
        assert not two.has((name, (0, 0))), name
    cause_ = of("cause", Scene(model="stories"))
    n = len(cause_.tokens)
    for name in (
        *(f"put_stream.0.{n}.logits", "put_head.0.4.logits", f"put_word.0.1.{n}.logits", "put_mlp.0.1.logits"),
        *("put_mlp.2.0.logits", "put_cross.0.0.logits", f"blank.{n}.logits", "way.48.grad.embed", "without.0.0.logits"),
    ):
        assert not cause_.has((name, (0, 0))), name
    for name in (f"put_stream.0.{n - 1}.logits", f"put_word.0.3.{n - 1}.logits", f"blank.{n - 1}.logits"):
        assert cause_.has((name, (0, 0))), name
    assert cause_.has(("way.47.grad.embed", (0, 0)))
    for text, n in (("a", 0), ("a b", 1), ("a b c", 2)):
        here = of("attention", Scene(model="gpt", sentence=text))
        assert [here.has(("surprise.logits", (i,))) for i in range(3)] == [i < n for i in range(3)]
    unlike = of("cause", Scene(model="stories", sentence=cause.CLEAN, other_sentence="A foca"))
    assert not unlike.has(("put_head.0.1.logits", (0, 0))) and unlike.has(("other.logits", (0, 0)))
    assert not any(
        unlike.has((f"moved_{what}", (1,))) for what in ("stream.blocks.0.resid_pre", "head.blocks.0.attn.z")
    )
    unlike_scene = Scene(model="stories", sentence=cause.CLEAN, other_sentence="A foca")
    assert [one for one in families("cause", unlike_scene) if one.startswith(("gap", "moved"))] == ["gap.logits"]
    bars = cause.both(unlike_scene, words_of("en"))
    for row, value in enumerate(bars.figure["data"][0]["x"]):
        assert unlike.explain(bars.numbers.at({"x": value, "y": row})).value == pytest.approx(value, rel=1e-5)


def test_a_run_is_read_off_a_name_as_it_was_written() -> None:
    index = (3, 1)
    assert runs.parted(runs.put("word", 2, index) + "logits") == ("put_word.2.3.1.", "logits")
    for begins in (runs.without("blocks.1.cross.z", 2), runs.left("encoder.blocks.0.attn.z", 1, 4, 0)):
        assert runs.parted(begins + "blocks.0.attn.z") == (begins, "blocks.0.attn.z")
    assert runs.numbers(runs.left("encoder.blocks.0.attn.z", 1, 4, 2)) == (0, 1, 4, 2)
    assert runs.without("blocks.1.attn.z", 2) == "without.1.2." and runs.where("blocks.1.attn.z") == "attn"
    for begins in (runs.blank(2), runs.way(3), runs.told(1), runs.kept(2, 1)):
        assert runs.parted(begins + "embed") == (begins, "embed")
        assert runs.numbers(begins)[-1] == int(begins.split(".")[-2])
    assert runs.parted("blocks.1.attn.z") == ("", "blocks.1.attn.z") and derived.kind_of("gap.logits") == (
        "gap",
        "logits",
    )


def test_a_card_lists_the_operands_that_count_most() -> None:
    """The one in the same place first; of a softmax, where signs count, by the numbers; what is none comes last."""
    values = [-9.0, 2.0, float("nan"), 5.0, -1.0, 0.5, 3.0, -4.0]
    operands = tuple(Operand("x", (i,), value) for i, value in enumerate(values))
    for formula, order in (
        (r"e^{x_5} / \sum_j e^{x_j}", [5, 3, 6, 1, 4, 7]),
        (r"\max_k A_{q,k}", [5, 0, 3, 7, 6, 1]),
    ):
        found = Explanation("p", (5,), 0.0, formula, "function", operands, rule=lambda x: 0.0)
        assert [one.index[0] for one in cards.chosen(found)] == order
        few = Explanation("p", (9,), 0.0, formula, "function", operands[:4], rule=lambda x: 0.0)
        assert cards.chosen(few)[-1].index == (2,)


def test_a_card_writes_what_a_term_is_divided_by_and_its_factor() -> None:
    here = of("drift", GPT)
    found = here.explain(("variance.embed", (0,)))
    (term, *_), _ = cards.largest(found)
    card = cards.card(here, (("variance.embed", (0,)),), EN)
    row = re.sub("<[^>]+>", "", re.search(r"<table><tr><td>(.*?)</td>", card.html)[1])
    (own, _), (whole,) = term.operands, term.over
    assert row == f"{cards.number(own.value, EN)} · {cards.number(own.value, EN)} ÷ {cards.number(whole.value, EN)}"
    assert card.formula == found.formula and "=" not in found.formula
    masked = of("attention", GPT).explain(("blocks.0.attn.scores_masked", (0, 3, 1)))
    symbol = core.NAMES["blocks.{i}.attn.scores_masked"].symbol
    assert "=" not in masked.formula and cards.formula(masked) == f"{symbol} = {masked.formula}"
    query = of("attention", GPT).explain(("blocks.0.attn.q", (0, 3, 1)))
    assert "=" in query.formula and cards.formula(query) == query.formula
    leaf = of("attention", Scene()).explain(("embed", (0, 0)))
    assert leaf.is_leaf and cards.formula(leaf) == leaf.formula


def test_a_card_writes_numbers_as_they_count() -> None:
    for value, text in (
        (0.0, "0"),
        (-3.0, "−3"),
        (9_999_999.0, "9,999,999"),
        (1.5, "1.5000"),
        (np.inf, "∞"),
        (-np.inf, "−∞"),
    ):
        assert cards.number(value, EN) == text, value
    assert "10" in cards.number(10_000_000.0, EN) and "," not in cards.number(10_000_000.0, EN)
    assert cards.number(0.0005, EN) != "0.0005" and cards.number(0.0015, EN) == "0.0015"


def test_a_card_of_a_large_run_is_let_go_with_it() -> None:
    scene = Scene(model="gpt", explained=(("logits", (1, 2)),))
    assert cards.shown("attention", scene, EN).axes[0][:2] == ("pos", len(scene.tokens))
    assert cards.shown("attention", scene, EN).axes[1][:2] == ("vocab", scene.config.vocab_size)
    assert cards.shown("attention", scene, EN).axes[0][2] and not cards.shown("attention", scene, EN).axes[1][2]
    assert not compute.is_large(scene)


def test_an_array_of_another_step_of_a_run_is_called_by_that_step() -> None:
    for kind in (runs.AT, runs.TAKEN, runs.UNSEEN, runs.PROBED):
        called = [naming.array(f"{runs.at_step(kind, step)}embed", EN) for step in (7, 12)]
        assert called[0] != called[1] and "7" in called[0] and "12" in called[1], called
    below, above = (naming.array(f"{runs.at_step(runs.NUDGED, side)}embed", EN) for side in (4, 5))
    assert below != above and below == naming.array(f"{runs.at_step(runs.NUDGED, 0)}embed", EN)
