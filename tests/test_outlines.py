"""What every figure is like, beside what it was like when it was last found good: an outline of each, kept as text.

Other tests hold that a figure shows the trace, and that what it says is so. Here is the rest: what no arithmetic gives,
as sizes, ranges, titles, colours, the order of what is alike, and where a click finds which number. Where one of these
is changed on purpose, `make outlines-renew` writes the files in tests/outlines anew: read what changed before you
commit it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core import Scene
from core.train.training_run import TrainingRun
from pictures import (
    alike,
    cause,
    chosen_cell,
    compare,
    compare_block,
    compute,
    continuation,
    cuts,
    descent,
    drift_said,
    fibres,
    habits,
    heads,
    importance,
    influence,
    labels,
    loss_choice,
    mirror,
    pinned,
    ranked,
    reading,
    rows_told,
    stacks,
    start,
    worth,
)
from pictures.block import frame, neurons, position
from pictures.compute import Picture
from pictures.explained import card as cards
from pictures.explained import training
from pictures.explained.naming import families, index_at
from pictures.explained.page_world import world
from pictures.explained.world import World
from pictures.generate import cache as kv_cache
from pictures.generate import draw as written
from pictures.generate import votes
from pictures.pages import PAGES
from pictures.train import curves, snapshot
from pictures.train.view import View
from pictures.translate import draw as translation
from pictures.words import Words, words_of
from tests.builders import ALL, draws, name_of, shown
from tests.outline import Outline, differences, of_card, of_html, of_picture
from ui.train.kept_runs import Training
from ui.train.session import task_of

FOLDER = Path(__file__).parent / "outlines"
RENEW = os.environ.get("FIBRA_OUTLINES") == "renew"
EN = words_of("en")
GPT = Scene(
    **{
        "model": "gpt",
        "sentence": "o gato viu o rato",
        "overrides": (("d_model", 16), ("n_heads", 4), ("n_layers", 3)),
    },
    **{"layer": 1, "head": 2, "query": 3, "key": 1, "loss_position": 2, "dimension": 3},
)
PIN = Scene(model="translator", temperature=3.0).computed
TWO = Scene(model="translator", layer=1, head=2, query=2, key=1, threshold=0.15, pinned=PIN, ablated=((0, 1, "cross"),))
# Unlike one another; each is kept as what is different from the one before it.
SCENES = {
    "penguins": Scene(query=3, key=1),
    "edited": Scene(query=1, key=4, edits=((1, 2, 3.0),), drift_3d=True, off=("scale",), cut=((0, 0, 1, 2),)),
    "heads off": GPT.turn(
        **{"ablated": ((0, 1), (1, 2)), "temperature": 0.7, "drift_stage": 1, "without_first": True},
        **{"threshold": 0.2, "focus": 2},
    ),
    "trained": Scene(model="stories", layer=1, head=2, query=2, key=1, tokens_written=2, top_k=5, second_norm=True),
    "pinned": GPT.pin().turn(head=1, temperature=2.5, off=("mlp",)),
    "pinned, of other words": GPT.pin().turn(sentence="o gato viu o pato", compared_step="q", compared_array="units"),
    "crossing": TWO,
    "encoder": TWO.turn(attention_of="encoder", ablated=((0, 1, "encoder"),)),
}
SAID = ("penguins", "heads off", "trained", "pinned", "crossing")  # of which also lists and cards are kept


# ------------------------------------------------------------------------------------------------------ what is drawn


def drawn_of(builder: compute.Builder) -> dict[str, Outline]:
    """By the names of the Scenes; a picture that compares is of those with a pin alone."""
    compares, found = "compare" in builder.__module__, {}
    for name, scene in SCENES.items():
        if draws(builder, scene) and (not compares or scene.pinned) and (compares or scene.pinned in (None, PIN)):
            found[name] = of_picture(builder(shown(builder, scene), EN))
    return found


TRAINED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "a run": ("copy", 12, {}),
    "wound back": ("copy", 12, {"train_step": 5, "layer": 1, "head": 1}),
    "of two stacks": ("translate", 3, {"check_parameter": "blocks.0.attn.W_Q", "check_row": 2, "head": 2}),
}


@cache
def run_of(task: str, steps: int, seed: int = 0) -> TrainingRun:
    known = task_of(task)
    run = TrainingRun.start(known, known.config, seed, 4, 3e-3)
    for stop in (steps // 2, steps - steps // 2):
        run.advance(60, stop)
        run.look()
    return run


@cache
def view_of(name: str) -> View:
    task, steps, looks = TRAINED[name]
    run, former = run_of(task, steps), run_of(task, steps - 2, 1).history
    scene = Scene(**looks)
    return View(Training((), run, former), run, scene, *run.at(scene.train_step))


OF_TRAINING = (curves.loss, curves.scores, curves.norms, snapshot.attention, snapshot.embeddings)

# ---------------------------------------------------------------------------------------------------- what is written


def choices_height(scene: Scene) -> int:
    return written.height(scene, continuation.text_of(scene))


def ledger_height(scene: Scene) -> int:
    return kv_cache.height(scene, EN)


HEIGHTS: dict[Callable[[Scene], int], compute.Builder] = {  # and of which figure it is
    **{frame.height: neurons.units, neurons.zeros_height: neurons.zeros, position.alike_height: position.alike},
    **{cause.height: cause.stream, compare.step_height: compare.present_step, cuts.bars_height: cuts.lost},
    **{compare.heads_height: compare.present_heads, compare_block.height: compare_block.present},
    **{fibres.twin_height: fibres.twin, habits.height: habits.held, heads.overview_height: heads.overview},
    **{heads.chosen_height: heads.chosen, heads.measures_height: heads.entropies, ranked.height: ranked.ranked},
    **{importance.square_height: importance.weights, reading.scores_height: reading.scores},
    **{reading.map_height: reading.effects, worth.height: worth.effect, alike.height: alike.alike},
    **{influence.height: influence.answers, votes.height: votes.votes, translation.height: translation.choices},
    **{translation.tree_height: translation.beams, choices_height: written.choices, ledger_height: kv_cache.ledger},
}
LONGER = {n: GPT.turn(sentence=" ".join(f"w{i}" for i in range(n)), layer=2) for n in (1, 12, 30, 48)}
LISTS: dict[str, Callable[[Scene, Words], list[str]]] = {
    "drift": drift_said.rows,
    "labels": lambda scene, words: [" ".join(row) for row in labels.looks(scene, words)],
    "head": lambda scene, words: [labels.look(scene, scene.place, words)],
    "losses": loss_choice.positions,
    "pin": lambda scene, words: pinned.differences(scene, words) if scene.pinned else [],
    "step": descent.step,
    "rows": lambda scene, words: [] if stacks.kinds(scene) else rows_told.rows_read(scene, words),
}
STRIPS = {"start": start.html, "mirror": mirror.html, "cell": chosen_cell.html}


def heights_of(scene: Scene) -> Outline:
    heights = {name_of(height): height(shown(of, scene)) for height, of in HEIGHTS.items() if draws(of, scene)}
    return {f"height {name}": str(height) for name, height in heights.items()}


def beside_of(scene: Scene) -> Outline:
    """What pages show beside their figures: lists, strips, the chosen cell; and how high the figures stand."""
    found = heights_of(scene)
    found |= {f"list {name}": "\n".join(told(scene, EN)) for name, told in LISTS.items()}
    for name, strip in STRIPS.items():
        found |= {f"{name} {place}": said for place, said in of_html(strip(scene, EN)).items()}
    return found


# -------------------------------------------------------------------------------------------------- what is explained


def cards_of(here: World | None, offered: list[str], scene: Scene) -> Outline:
    """A card of each kind of number, where the reader looks."""
    found = {}
    for name in (one.replace("*", str(scene.layer)) for one in offered if here):
        shown = cards.of(here, ((name, index_at(name, here, scene)),), EN)
        found[name] = of_card(shown) if shown else "none"
    return found


def asked_of(page: str, scene: Scene) -> list[str]:
    """The kinds of numbers of a page; those that every page has, on Attention alone; gradients of two stacks alone."""
    whole = page == "attention" and scene in (SCENES["heads off"], TWO)
    common = {*families("start", scene), *families("start", TWO)} if not whole else set()
    return [name for name in families(page, scene) if name not in common and (scene is TWO or name[:5] != "grad.")]


def own(view: View) -> list[str]:
    """The same of a training run."""
    return [name for name in training.families(view) if name[:5] != "grad." and name not in families("start", TWO)]


# ------------------------------------------------------------------------------------------------------- what is kept


def file_of(builder: Callable[..., Any]) -> str:
    return builder.__module__.removeprefix("pictures.")


@cache
def kept(file: str) -> dict[str, dict[str, dict[str, str | None]]]:
    path = FOLDER / f"{file}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def told_apart(outlines: dict[str, Outline]) -> dict[str, dict[str, str | None]]:
    """Of each but the first, the lines that are others than those of the one before it; None: that it has not."""
    found: dict[str, dict[str, str | None]] = {}
    before: Outline = {}
    for name, lines in outlines.items():
        found[name] = {place: said for place, said in lines.items() if before.get(place) != said}
        found[name] |= dict.fromkeys(place for place in before if place not in lines)
        before = lines
    return found


def whole(apart: dict[str, dict[str, str | None]]) -> dict[str, Outline]:
    """The same, each with all its lines."""
    found: dict[str, Outline] = {}
    before: Outline = {}
    for name, others in apart.items():
        before = {place: said for place, said in (before | others).items() if said is not None}
        found[name] = before
    return found


def renew(file: str, part: str, outlines: dict[str, Outline]) -> None:
    """Write this part of a file anew."""
    FOLDER.mkdir(exist_ok=True)
    here = kept(file) | {part: told_apart(outlines)}
    kept.cache_clear()
    text = json.dumps(dict(sorted(here.items())), ensure_ascii=False, indent=0)
    (FOLDER / f"{file}.json").write_text(f"{text}\n", "utf-8")


def held(file: str, part: str, seen: dict[str, Outline]) -> None:
    """It is as it was."""
    if RENEW:
        renew(file, part, seen)
    was = whole(kept(file).get(part, {}))
    assert was.keys() == seen.keys()
    wrong = {name: found for name in seen if (found := differences(was[name], seen[name]))}
    assert not wrong, "\n".join(f"{name}: {line}" for name, lines in wrong.items() for line in lines)


@pytest.mark.parametrize("builder", ALL, ids=name_of)
def test_a_figure_is_as_it_was(builder: compute.Builder) -> None:
    held(file_of(builder), builder.__name__, drawn_of(builder))


@pytest.mark.parametrize("builder", OF_TRAINING, ids=lambda builder: builder.__name__)
def test_a_figure_of_a_run_is_as_it_was(builder: Callable[[View, Words], Picture]) -> None:
    held("train", builder.__name__, {name: of_picture(builder(view_of(name), EN)) for name in TRAINED})


@pytest.mark.parametrize("name", SAID)
def test_what_stands_beside_the_figures_is_as_it_was(name: str) -> None:
    held("beside", name, {"": beside_of(SCENES[name])})


def test_a_page_keeps_as_much_free_for_a_figure_as_it_takes() -> None:
    for name, scene in (SCENES | {str(n): longer for n, longer in LONGER.items()}).items():
        for height, of in HEIGHTS.items():
            if draws(of, scene) and height not in (cause.height, votes.height):  # of what stands there too
                there = of(shown(of, scene), EN).figure["layout"]["height"]
                assert there == height(shown(of, scene)), (name, name_of(of))


def test_figures_of_longer_texts_are_as_high_as_they_were() -> None:
    """And of other models: of more layers than a page has room for, trained, of two stacks with a text of one word."""
    deep = {"11 layers": GPT.override(n_layers=11), "alice": Scene(model="alice", sentence="Alice was here")}
    deep |= {"one head": GPT.override(n_layers=1, n_heads=1).turn(sentence="o gato", max_new_tokens=1)}
    two = {"two stacks": TWO.turn(sentence="the", attention_of="decoder")}
    held("beside", "heights", {str(n): heights_of(scene) for n, scene in (LONGER | deep | two).items()})


@pytest.mark.parametrize("page", PAGES)
def test_a_card_of_each_kind_of_number_is_as_it_was(page: str) -> None:
    if page == "train":
        views = {name: view_of(name) for name in TRAINED}
        found = {name: cards_of(training.world(view, EN), own(view), view.scene) for name, view in views.items()}
    else:
        scenes = {name: SCENES[name] for name in SAID if name != "pinned" or PAGES[page].compares}
        found = {name: cards_of(world(page, scene, EN), asked_of(page, scene), scene) for name, scene in scenes.items()}
    if any(found.values()):
        held("explained", page, found)


def test_what_is_kept_is_of_what_there_is() -> None:
    there = {(file_of(builder), builder.__name__) for builder in ALL}
    there |= {("train", builder.__name__) for builder in OF_TRAINING} | {
        ("beside", name) for name in (*SAID, "heights")
    }
    files = {file.stem: file.stat().st_size for file in FOLDER.glob("*.json")}
    assert {(file, name) for file in files for name in kept(file) if file != "explained"} == there
    assert sum(files.values()) < 500_000, "a reader of changes reads them"
