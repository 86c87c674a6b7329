"""The Train page: a run that goes on, begins anew and is wound back; its pictures against the run; its way out."""

from __future__ import annotations

import gc
import re
from dataclasses import replace
from threading import Thread
from weakref import WeakKeyDictionary

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

import core
from core import Scene
from core.tasks import Characters
from core.tasks.translation import END
from core.train.batch import Batch
from core.train.gradcheck import gradcheck, gradcheck_all, next_token
from core.train.training_run import TrainingRun
from pictures.pages import PAGES
from pictures.train import curves, snapshot
from pictures.train import gradient_check as errors
from pictures.train.view import View
from pictures.words import LANGUAGES, words_of
from plots import theme
from plots.training_curves import POINTS, Curve, training_curves
from tests.support import fine, labelled, open_page, pressed
from tests.test_app import html, on_boards
from ui import scheduler
from ui.address import WRITTEN
from ui.state import MODEL, PAST, SCENE
from ui.train import files, gradient_check, kept_runs, session
from ui.train.kept_runs import RUN, Training
from ui.train.session import task_of

EN = words_of("en")


def page(**query: str) -> AppTest:
    return fine(open_page("train", query))


def turned(at: AppTest, scene: Scene) -> AppTest:
    """As `state.show` does: AppTest has no hand on the moves at the page's head."""
    past = at.session_state[PAST] if PAST in at.session_state else []  # noqa: SIM401  it has no get
    at.session_state[PAST] = [*past, at.session_state[SCENE]]
    at.session_state[SCENE] = scene
    return as_written(at)


def undone(at: AppTest) -> AppTest:
    """As `state.undo` does."""
    *past, before = at.session_state[PAST]
    at.session_state[PAST], at.session_state[SCENE] = past, before
    return as_written(at)


def as_written(at: AppTest) -> AppTest:
    query = at.session_state[SCENE].to_query()
    at.session_state[WRITTEN] = query
    at.query_params.clear()
    at.query_params.update(query)
    return fine(at.run())


def run_of(name: str = "copy", steps: int = 12, seed: int = 0) -> TrainingRun:
    task = task_of(name)
    run = TrainingRun.start(task, task.config, seed, 4, 3e-3)
    for _ in range(3):
        run.advance(60, steps // 3)
        run.look()
    return run


def view_of(run: TrainingRun, former: TrainingRun | None = None, **looks) -> View:
    scene = Scene(**looks)
    return View(Training((), run, former and former.history), run, scene, *run.at(scene.train_step))


# -------------------------------------------------------------------------------------------------------- the page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_opens_on_a_run_that_has_begun(lang):
    at = page(lang=lang)
    training = at.session_state[RUN]
    assert not training.playing and training.run.task.name == "copy" and training.run.step > 0
    words = words_of(lang)
    assert words("train.title") in html(at) and words("train.lead") in html(at)
    assert at.button(key="train-go").label == words("train.play")


def test_all_that_is_drawn_again_and_again_is_one_element_under_its_titles():
    at = page(task="reverse", lang="en")
    titles = {header["key"]: header.get("title") for header in on_boards(at)}
    names = ("loss", "scores", "texts", "attention", "embeddings", "norms")
    assert [*titles] == [f"train-{name}" for name in (*names, "check")]
    assert all(titles[f"train-{name}"] == EN(f"train.{name}") for name in names if name != "texts")
    boards = [element for element in at.get("bidi_component") if element.proto.bytes]
    assert len(boards) == 2, "the gradient check's table, which is drawn for itself, is another"


@pytest.mark.parametrize("task", ["repeat", "addition", "stories", "characters"])
def test_every_task_has_its_page(task):
    at = page(task=task, size="small", lang="pt-BR")
    assert at.session_state[RUN].run.task.name == task
    assert (words_of("pt-BR")("train.sample") in html(at)) == (task in ("stories", "characters"))


def test_play_step_stop_and_begin_again():
    at = page(lang="en")
    before = at.session_state[RUN].run.step
    at = pressed(at, "train-go")
    training = at.session_state[RUN]
    assert training.playing and training.run.step > before and at.button(key="train-go").label == EN("train.stop")
    going = training.run.step
    at = fine(at.run())  # a tick
    assert at.session_state[RUN].run.step > going
    at = pressed(at, "train-go")
    stopped = at.session_state[RUN].run.step
    at = fine(at.run())
    assert at.session_state[RUN].run.step == stopped
    at = pressed(at, "train-step")
    assert at.session_state[RUN].run.step == stopped + 1
    first = at.session_state[RUN].run
    at = pressed(at, "train-again")
    training = at.session_state[RUN]
    assert training.run is not first and training.former.losses == first.losses and training.run.step == 0
    assert EN("train.says.again") in html(at)


def test_another_rate_or_batch_goes_on_and_another_size_begins_anew():
    at = page(lang="en")
    at = pressed(at, "train-step")
    run = at.session_state[RUN].run
    batch = labelled(at.selectbox, "train.batch")
    at = fine(batch.select(8).run())
    assert at.session_state[RUN].run is run and run.size == 8
    assert EN("train.says.goes_on") in html(at) and at.session_state[SCENE].batch_size == 8
    size = labelled(at.selectbox, "train.size")
    at = fine(size.select("medium").run())
    training = at.session_state[RUN]
    assert training.run is not run and training.former.losses == run.losses and training.run.config.d_model == 64
    assert EN("train.says.new_run") in html(at) and training.run.size == 8
    seed = labelled(at.number_input, "train.seed")
    at = fine(seed.set_value(5).run())
    assert at.session_state[RUN].run.seed == 5 and at.session_state[SCENE].seed == 0


@pytest.fixture
def crowded(monkeypatch):
    """No session plays but the test's own; only the number of steps ends a slice, however busy the machine."""
    monkeypatch.setattr(scheduler, "SLICE", 60.0)
    monkeypatch.setattr(scheduler, "_ticked", WeakKeyDictionary())
    monkeypatch.setattr(scheduler, "_resting", 0.0)


def test_the_slices_stop_at_another_session_s_work(crowded):
    training = Training((), run_of(), playing=True)
    step = training.run.step
    with scheduler.turn(Training((), None)) as theirs:
        session.tick(training)
    assert theirs and training.run.step == step
    session.tick(training)
    assert training.run.step == step + session.PACES["steady"]


def test_who_stops_within_a_slice_stands_where_it_ends(crowded, monkeypatch):
    """Streamlit's next run does not wait for the one before: the address said less than was on screen."""
    training, noted = Training((), run_of(), playing=True), TrainingRun._note
    stopping = Thread(target=session._stop, args=(training,), daemon=True)

    def note(run: TrainingRun, step: object) -> None:
        if not stopping.ident:
            stopping.start()
            stopping.join(0.3)
        noted(run, step)

    monkeypatch.setattr(TrainingRun, "_note", note)
    before = training.run.step
    session.tick(training)
    stopping.join(30)
    assert not training.playing and before < training.run.step == training.stood
    session.tick(training)
    assert training.run.step == training.stood, "a slice that was late is none"


def test_a_slice_that_fails_leaves_the_turn_to_others(crowded):
    with pytest.raises(ZeroDivisionError), scheduler.turn(Training((), None)):
        1 / 0  # noqa: B018
    with scheduler.turn(Training((), None)) as mine:
        assert mine


def test_where_many_play_all_tick_more_slowly_and_rest(crowded, monkeypatch):
    runs = [Training((), run_of(steps=3), playing=True) for _ in range(7)]
    for n, training in enumerate(runs[:2], 1):
        session.tick(training)
        assert scheduler.slowness() == 1 and training.run.step == 3 + session.PACES["steady"], n
    for training in runs[2:]:
        session.tick(training)
    assert scheduler.slowness() == 5
    assert [training.run.step for training in runs].count(3) >= 3  # the first of many works, and then all rest
    del training
    runs[2:] = ()
    gc.collect()
    assert scheduler.slowness() == 1 and len(scheduler._ticked) <= 2  # the runs are gone, and their turns too
    monkeypatch.setattr(scheduler, "monotonic", lambda: 10.0**9)
    assert scheduler.slowness() == 1 and not scheduler._ticked  # they have left


def test_those_who_press_play_together_do_not_draw_together():
    assert {scheduler.spread(1) for _ in range(9)} == {1}  # nobody is in the way of one who plays alone
    times = [scheduler.spread(5) for _ in range(50)]
    assert len({*times}) > 40 and 4 <= min(times) < 4.5 < 5.5 < max(times) <= 6


def test_a_run_that_breaks_says_so():
    training = Training((), run_of(), playing=True)
    training.run.state.params["blocks.0.attn.W_Q"][:] = np.nan
    with np.errstate(all="ignore"):
        session.tick(training)
    assert not training.playing and training.said == "train.says.broken"
    for builder in (curves.loss, curves.scores, curves.norms, snapshot.attention, snapshot.embeddings):
        assert builder(view_of(training.run), EN).says


def until_it_stands(at: AppTest) -> AppTest:
    while at.session_state[RUN].playing:
        at = fine(at.run())
    return at


@pytest.mark.parametrize(
    ("query", "stands", "shows"), [({}, 20, 20), ({"moment": "33"}, 33, 33), ({"moment": "7"}, 20, 7)]
)
def test_a_link_opens_on_the_step_that_it_names_however_slow_the_machine(query, stands, shows, monkeypatch, crowded):
    said = set()
    for first in (0.0, 60.0):
        monkeypatch.setattr(session, "FIRST", first)
        at = until_it_stands(page(task="reverse", lang="en", **query))
        training = at.session_state[RUN]
        assert (training.run.step, training.run.at(at.session_state[SCENE].train_step)[0]) == (stands, shows)
        said.add(tuple(drawn(at, name) for name in ("loss", "scores", "attention", "embeddings", "norms")))
        assert f"Step {shows}: the loss on held-out data" in drawn(at, "loss")
    assert len(said) == 1


def drawn(at: AppTest, name: str) -> str:
    """The sentence of one of the run's pictures."""
    return at.session_state[RUN].drawn[name][1].says


def test_a_run_that_was_played_is_repeated_after_a_reload_up_to_where_it_stood(crowded):
    at = page(task="reverse", lang="en")
    assert "train_played" not in at.query_params and EN("train.says.opened", step=20) in html(at)
    for _ in range(3):
        at = pressed(at, "train-step")
    assert at.query_params["train_played"] == ["23"] or at.query_params["train_played"] == "23"
    ours = at.session_state[RUN].run
    again = until_it_stands(page(**at.query_params))
    theirs = again.session_state[RUN].run
    assert theirs.step == 23 and theirs.losses == ours.losses and EN("train.says.repeated", step=23) in html(again)
    again = pressed(again, "train-again")
    assert "train_played" not in again.query_params and again.session_state[RUN].run.step == 0


def test_before_the_first_step_there_is_no_pace_and_every_picture_stands():
    at = page(lang="en", attempt="1")
    training = at.session_state[RUN]
    assert training.run.step == 0 and "a second" not in html(at) and EN("train.says.no_norms") in drawn(at, "norms")
    assert "a second" in html(pressed(at, "train-step"))


def test_an_address_too_far_to_be_repeated_says_so():
    at = page(task="reverse", moment="400000", lang="en")
    training = at.session_state[RUN]
    assert EN("train.says.too_far", step=400_000) in html(at) and at.session_state[SCENE].train_step is None
    assert training.run.step == 20 and not training.playing


def test_a_run_whose_rate_changed_on_the_way_cannot_be_repeated_and_says_so():
    at = pressed(page(lang="en"), "train-step")
    at = fine(labelled(at.selectbox, "train.batch").select(8).run())
    assert at.session_state[RUN].mixed and at.session_state[SCENE].train_played == -21
    again = page(**at.query_params)
    assert EN("train.says.changed", step=21) in html(again) and again.session_state[SCENE].train_played == 0


def test_a_rate_that_is_turned_before_anybody_played_opens_as_its_link_does(crowded):
    at = page(lang="en")
    at = fine(labelled(at.selectbox, "train.batch").select(8).run())
    link = page(**at.query_params)
    runs = [tab.session_state[RUN].run for tab in (at, link)]
    assert runs[0].losses == runs[1].losses and runs[0].step == 20 and not at.session_state[RUN].mixed


@pytest.mark.parametrize("away", ["again", "reset", "task", "card"])
def test_no_run_is_lost_unasked(away):
    at = pressed(page(task="sort", lang="en"), "train-step")
    kept = at.session_state[RUN]
    if away == "again":
        at = pressed(at, "train-again")
    elif away == "reset":
        turned(at, Scene(lang="en"))
    elif away == "task":
        at = fine(at.selectbox[0].select("copy").run())
    else:
        at = pressed(at, "ask-nobody-wrote-the-rule")
    assert at.session_state[RUN] is not kept
    at = undone(at)
    assert at.session_state[RUN] is kept and kept.run.step == 21 and at.session_state[SCENE].train_played == 21
    assert EN("train.says.back", step=21) in html(at)


def test_a_task_chosen_again_brings_back_its_run_at_its_step():
    at = pressed(page(task="sort", lang="en"), "train-step")
    kept = at.session_state[RUN]
    at = fine(at.selectbox[0].select("copy").run())
    assert at.session_state[RUN].former is None, "another task's losses say nothing about this one's"
    at = fine(at.selectbox[0].select("sort").run())
    assert at.session_state[RUN] is kept


def test_more_runs_than_are_kept_are_repeated():
    at = pressed(page(task="sort", lang="en"), "train-step")
    losses = at.session_state[RUN].run.losses
    for task in ("copy", "reverse", "addition", "repeat"):
        at.session_state["fibra.turned"] = (None, 0.0)
        at = fine(at.selectbox[0].select(task).run())
        assert len(at.session_state[kept_runs.RUNS]) <= core.limits.RUNS
    while at.session_state[PAST]:  # turns of one knob that follow at once are one move
        at = undone(at)
    at = until_it_stands(at)
    assert at.session_state[RUN].run.losses == losses


def test_a_run_that_was_let_go_is_repeated():
    at = pressed(page(task="sort", lang="en"), "train-step")
    losses = at.session_state[RUN].run.losses
    at.session_state[RUN].let_go()
    at = until_it_stands(fine(at.run()))
    assert at.session_state[RUN].run.losses == losses and EN("train.says.repeated", step=21) in html(at)


def test_the_run_and_its_moment_outlive_a_visit_to_another_page():
    at = page(task="reverse", moment="10", lang="en")
    training = at.session_state[RUN]
    at.session_state[SCENE] = Scene(model="gpt", lang="en")  # a preset chosen elsewhere says nothing of the run
    at.session_state["fibra.page"] = "attention"
    at = fine(at.run())
    assert at.session_state[RUN] is training and at.session_state[SCENE].task == "reverse"
    assert at.session_state[SCENE].train_step == 10 and training.run.at(10)[0] == 10


def test_a_run_that_plays_waits_while_its_reader_is_away_and_says_so():
    at = pressed(page(lang="en"), "train-go")
    step = at.session_state[RUN].run.step
    at.session_state["fibra.page"] = "attention"
    at = fine(at.run())
    training = at.session_state[RUN]
    assert not training.playing and training.run.step == step and EN("train.says.waited", step=step) in html(at)


def test_a_text_of_one_s_own_is_trained_on():
    at = page(lang="en")
    text = "a foca nada. " * 30
    fine(labelled(at.text_area, "train.own.paste").input(text).run())
    at = fine(labelled(at.button, "train.own.go").click().run())
    run = at.session_state[RUN].run
    assert isinstance(run.task, Characters) and "z" not in run.task.vocabulary
    assert set("".join(run.task.vocabulary[1:])) == set(text)


def test_a_text_too_short_is_refused_in_words():
    at = page(lang="en")
    fine(labelled(at.text_area, "train.own.paste").input("short").run())
    at = fine(labelled(at.button, "train.own.go").click().run())
    assert at.session_state[RUN].run.task.name == "copy" and "at least 64" in html(at)


def test_every_page_shows_a_model_that_was_trained_here():
    run = run_of()
    model = files.portable(view_of(run))
    preset = core.Preset("copy", model.config, model.sentence, tokenizer=model.tokenizer, source=lambda: model.params)
    name, held = core.presets.register(preset)
    run.advance(60, steps=1)  # what was taken is the model as it stood
    for other in (name for name, page in PAGES.items() if page.model):
        at = fine(open_page(other, {"model": name, "lang": "en"}))
        assert at.session_state[SCENE].model == name and held in at.session_state[MODEL]
        assert at.sidebar.selectbox[0].label == EN("shell.preset") and "copy" in str(at.sidebar.selectbox[0].options)
    taken = core.run(Scene(model=name)).params["embed.W_E"]
    assert np.array_equal(taken, model.params["embed.W_E"])
    assert not np.array_equal(taken, run.state.params["embed.W_E"])


@pytest.mark.parametrize(
    "model, sentence", [("stories", "the penguins are near the"), ("translator", "a foca dorme .")]
)
def test_every_page_shows_a_model_that_lacks_a_word(model: str, sentence: str) -> None:
    """A token's embedding is no number: each page refused it as a bad argument, and had nothing to show."""
    own = core.PRESETS[model]
    table = np.array(own.learned["embed.W_E"])
    table[[*own.tokenizer.tokens].index(sentence.split()[1])] = np.nan
    name, _held = core.presets.register(replace(own, source=lambda: dict(own.learned) | {"embed.W_E": table}))
    scene = Scene(model=name, sentence=sentence)
    for other in (name for name, page in PAGES.items() if page.model):
        for shown in (scene, scene.pin().turn(temperature=2.0)):
            fine(open_page(other, {**shown.to_query(), "lang": "en"}))


# ----------------------------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["copy", "repeat", "stories"])
def test_pictures_are_figures_in_both_themes(name, lang):
    run, words = run_of(name, steps=6), words_of(lang)
    for view in (
        view_of(run),
        view_of(run, former=run_of("copy", 3)),
        view_of(run, train_step=0, layer=9, head=9),
    ):
        for builder in (curves.loss, curves.scores, curves.norms, snapshot.attention, snapshot.embeddings):
            picture = builder(view, words)
            assert picture.says and "nan" not in picture.says.split()
            for mode in theme.PALETTES:
                go.Figure(theme.resolve(picture.figure, mode))


def test_curves_are_the_run():
    run = run_of(steps=9)
    trained, held_out = curves.loss(view_of(run), EN).figure["data"]
    assert trained["y"] == pytest.approx(np.asarray(run.losses))  # so few steps are averaged over one each
    assert held_out["x"].tolist() == [watch.step for watch in run.watches]
    assert held_out["y"] == pytest.approx([watch.loss for watch in run.watches])
    lines = curves.norms(view_of(run), EN).figure["data"]
    assert [line["name"] for line in lines] == ["embeddings", "layer 0", "layer 1", "output"]
    assert lines[1]["y"] == pytest.approx(np.asarray(run.norms["blocks.0"]))


def test_the_former_run_lies_under_the_present_one():
    run, former = run_of(seed=0), run_of(seed=1)
    with_it = curves.loss(view_of(run, former), EN)
    assert len(with_it.figure["data"]) == 4 and with_it.figure["data"][1]["y"][0] == pytest.approx(
        former.watches[0].loss
    )
    assert f"{min(w.loss for w in former.watches):.3f}" in with_it.says
    for picture, names in (
        (with_it, ["former", "", "train", "held_out"]),
        (curves.scores(view_of(run, former), EN), ["former", "", "accuracy", "induction"]),
    ):
        assert [line["name"].strip() for line in picture.figure["data"]] == [
            EN(f"train.line.{n}") if n else "" for n in names
        ]


def test_the_past_is_drawn_from_its_checkpoint():
    run = run_of(steps=30)
    past, now = view_of(run, train_step=10), view_of(run)
    assert (past.step, now.step) == (10, 30)
    for view in (past, now):
        z = snapshot.attention(view, EN).figure["data"][0]["z"]
        trace = core.forward(run.at(view.step)[1], run.config, run.task.batch(0, 1, held_out=True).ids[0])
        assert z == pytest.approx(trace["blocks.0.attn.pattern"][0])
    assert not np.array_equal(past.params["embed.W_E"], now.params["embed.W_E"])
    stroke = curves.loss(past, EN).figure["layout"]["shapes"][0]
    assert stroke["x0"] == stroke["x1"] == 10


def test_the_basis_of_the_embeddings_stays_while_the_run_goes_on():
    run = run_of(steps=33)
    ids = np.arange(5)
    before = snapshot.basis(view_of(run), ids)
    run.advance(60, steps=20)
    after = snapshot.basis(view_of(run), ids)
    assert np.array_equal(before.components, after.components) and np.array_equal(before.mean, after.mean)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_example_is_told_as_it_is(lang):
    run = run_of()
    view = view_of(run)
    shown, says = snapshot.example(view, words_of(lang))
    _, targets, mask = view.row
    right = int((view.trace["logits"].argmax(-1) == targets)[mask].sum())
    said, guesses = view.run.task.vocabulary, view.trace["logits"].argmax(-1)
    wrong = [said[guess] for guess in guesses[mask & (guesses != targets)]]
    assert re.findall(r"<(?:span|a)[^>]*>([^<]*)", shown) == [said[i] for i in (view.row[0][0], *targets)]
    assert re.findall(r"<sub>([^<]*)", shown) == wrong
    assert shown.count('class="right"') == right and shown.count('class="wrong"') == mask.sum() - right
    assert str(right) in says and str(int(mask.sum())) in says


def test_a_text_is_shown_literally():
    task = Characters("<b>$x$</b> & *md* " * 20)
    run = TrainingRun.start(task, task.config, 0, 2, 1e-3)
    run.advance(60, 1)
    shown, _ = snapshot.example(view_of(run), EN)
    assert "<b>" not in shown and "&lt;" in shown
    view = view_of(run)
    drawn = core.generate(view.params, task.config, view.row[0][:1], min(40, task.config.n_ctx - 1), 0.7, seed=1)
    assert snapshot.sample(view) == "".join(task.read([view.row[0][0], *(step.token for step in drawn)]))


def test_the_induction_head_is_announced_when_it_appears():
    run = run_of("repeat", 3)
    assert "No induction head yet" in curves.scores(view_of(run), EN).says
    run.watches[-1] = run.watches[-1].__class__(run.step, 1.0, 0.9, 0.8, (1, 1))
    says = curves.scores(view_of(run), EN).says
    assert f"appeared by step {run.step}: layer 1, head 1" in says
    assert "appeared" not in curves.scores(view_of(run, train_step=0), EN).says.split("yet")[0]


def test_the_scores_are_titled_with_an_induction_head_where_one_is_looked_for():
    run = run_of("repeat", 3)
    assert curves.title("scores", view_of(run), EN) == EN("train.scores")
    run.watches[0] = replace(run.watches[0], induction=float("nan"))
    assert curves.title("scores", view_of(run), EN) == EN("train.scores"), "it is looked for later"
    run.watches = [replace(watch, induction=float("nan")) for watch in run.watches]  # as of a translator
    assert curves.title("scores", view_of(run), EN) == EN("train.accuracy")
    assert curves.title("loss", view_of(run), EN) == EN("train.loss")


# ------------------------------------------------------------------------------------------------- gradient check


def test_the_check_finds_the_planted_bug_and_nothing_without_it():
    run = run_of()
    ids, targets, mask = (part[None] for part in view_of(run).row)
    checks = {
        bug: gradcheck_all(run.state.params, run.config, next_token(targets, mask), bug=bug, ids=ids)
        for bug in (False, True)
    }
    worst = EN("train.check.says_right", all=37, worst=curves.power(max(one.error for one in checks[False]), EN))
    says = errors.checks(checks[False], EN).says
    assert says.startswith(worst) and (says == worst) == (not any(one.coarse for one in checks[False]))
    lost = [*checks[False], replace(checks[False][0], loss_above=np.nan)]
    assert errors.checks(lost, EN).says == EN("train.check.lost")
    told = [text for trace in errors.checks(lost, words_of("pt-BR")).figure["data"] for _, text in trace["customdata"]]
    assert "NaN" in told and not any("." in text or "e-" in text for text in told), "as the page writes numbers"
    picture = errors.checks(checks[True], EN)
    wrong = [check.name for check in checks[True] if check.error > 1e-4]
    assert f"in the order of the computation, is {wrong[-1]}:" in picture.says and wrong[0] != wrong[-1]
    assert f"{len(wrong)} of 37 parameters fail" in picture.says and wrong[-1] == "blocks.1.attn.b_K"
    assert [len(trace["x"]) for trace in picture.figure["data"]] == [37 - len(wrong), len(wrong)]
    assert picture.numbers.numbers == tuple((f"check_error.{check.name}", (0,)) for check in checks[True])
    for mode in theme.PALETTES:
        go.Figure(theme.resolve(picture.figure, mode))


@pytest.mark.parametrize(("bug", "key"), [(False, "agree"), (True, "differ")])
def test_one_weight_is_judged(bug, key):
    run = run_of()
    ids, targets, mask = (part[None] for part in view_of(run).row)
    objective = next_token(targets, mask)
    found = gradcheck(run.state.params, run.config, objective, "blocks.0.attn.W_Q", (0, 0), 1e-5, bug, ids=ids)
    assert gradient_check.verdict(found, EN).startswith(EN(f"train.check.{key}", error="").split("(")[0])
    written = gradient_check._table(found, EN)
    assert EN.number(found.slope, 12) in written and EN.number(found.backprop, 12) in written
    assert (EN.number(found.slope, 7) == EN.number(found.backprop, 7)) != bug, "the digits shown tell them apart"


def test_powers_are_written_as_a_reader_writes_them():
    assert [curves.power(x, EN) for x in (0.0, 0.0123, 3.1e-8, -2e-5)] == [
        "0.0000",
        "0.0123",
        "3.1\u00a0×\u00a010⁻⁸",
        "−2.0\u00a0×\u00a010⁻⁵",
    ]
    assert curves.power(3.1e-8, words_of("pt-BR")) == "3,1\u00a0×\u00a010⁻⁸"


@pytest.mark.parametrize("n", [1, 10, 74, 76, 200, 333])
def test_a_loss_is_averaged_over_the_last_fiftieth_of_the_steps(n):
    """A window that ends at each step, at the start as long as there are steps."""
    values = np.random.default_rng(n).random(n)
    width = curves.window(n)
    assert width == max(1, int(n / 50 + 0.5)), "one step at least"
    expected = [np.mean(values[max(0, at + 1 - width) : at + 1]) for at in range(n)]
    assert curves._averaged(values) == pytest.approx(expected) and not len(curves._averaged(np.zeros(0)))


def test_the_parts_of_a_model_stand_in_the_order_of_the_computation_each_in_its_colour():
    parts = ["unembed", "blocks.10", "blocks.2", "encoder.unembed", "encoder.blocks.1", "embed", "encoder.blocks.0"]
    ordered = sorted(parts, key=curves._order)
    assert ordered == [
        "embed",
        "encoder.blocks.0",
        "encoder.blocks.1",
        "encoder.unembed",
        "blocks.2",
        "blocks.10",
        "unembed",
    ]
    roles = [curves._role(part) for part in ordered]
    assert len({*roles}) == len(roles) and (roles[0], roles[-1]) == ("@query", "@key")
    assert [curves.part_name(part, EN) for part in ordered[-3:]] == ["layer 2", "layer 10", "output"]


def test_a_point_of_a_curve_is_the_number_of_its_step_and_its_column_is_seen():
    run = run_of(steps=9)
    former = run_of(seed=1, steps=4)
    for view, builder in (
        (view_of(run), curves.loss),
        (view_of(run, former), curves.loss),
        (view_of(run), curves.norms),
    ):
        picture = builder(view, EN)
        starts = {name.partition("loss")[0] for row in picture.numbers.numbers for name, _ in row if "loss" in name}
        assert starts == ({"former.", ""} if view.former else {""} if builder is curves.loss else set())
        for at, line in enumerate(picture.figure["data"][: len(picture.numbers.numbers)]):
            for point, x in enumerate(np.asarray(line["x"]).tolist()):
                name, index = picture.numbers.at({"curve": at, "point": point})
                assert index == (int(x),) and name in {name for name, _ in picture.numbers.numbers[at]}
                place = picture.numbers.place((name, index))
                assert (place["x0"] + place["x1"]) / 2 == pytest.approx(x)
                assert 0 < place["x1"] - place["x0"] < 1, "narrower than a step"
    held_out = curves.loss(view_of(run), EN).numbers.numbers
    assert [row[0][0] for row in held_out] == ["loss_mean.logits", "loss_unseen.logits"]


def test_embeddings_are_drawn_of_the_example_first_and_of_two_dozen_at_most():
    for name in ("copy", "stories"):
        view = view_of(run_of(name, 3))
        vocabulary, ids = view.run.task.vocabulary, snapshot.ids(view_of(run_of(name, 3))).tolist()
        own = [vocabulary.index(token) for token in dict.fromkeys(view.tokens)]
        assert ids[: len(own)] == own[:24] and len(ids) == min(24, len(vocabulary)) == len({*ids})
        rest = [i for i in range(len(vocabulary)) if i not in own]
        assert ids[len(own) :] == rest[: max(0, 24 - len(own))]


@pytest.mark.parametrize(("steps", "moment"), [(12, None), (90, None), (90, 40)])
def test_embeddings_drift_from_the_first_step_to_this_one_by_a_dozen_moments_at_most(steps, moment):
    view = view_of(run_of(steps=steps), train_step=moment)
    picture = snapshot.embeddings(view, EN)
    lines, (begins, ends) = picture.figure["data"][:-2], picture.figure["data"][-2:]
    stages = (int(np.isnan(lines[0]["x"]).nonzero()[0][0]) - 1) // 10 + 1
    kept = [m for m in view.run.moments if m <= view.step]
    assert (kept[0], kept[-1]) == (0, view.step) and stages == min(12, len(kept))
    assert (
        EN("train.axis.at", n=0) in begins["hovertext"][0] and EN("train.axis.at", n=view.step) in ends["hovertext"][0]
    )
    ids, axes = snapshot.ids(view), snapshot.basis(view, snapshot.ids(view))
    for points, step in ((begins, 0), (ends, view.step)):
        placed = axes.project(view.run.at(step)[1]["embed.W_E"][ids].astype(np.float64))
        assert np.stack([points["x"], points["y"]], axis=-1) == pytest.approx(placed, abs=1e-5)
    layout = picture.figure["layout"]
    for i, axis in enumerate("xy"):
        assert f"{100 * axes.explained[i]:.0f}" in layout[f"{axis}axis"]["title"]["text"]
    wide, high = (np.ptp(layout[f"{axis}axis"]["range"]) for axis in "xy")
    place = picture.numbers.place(("learned.embed.W_E", (int(ids[0]), 0)))
    drawn = place["x1"] - place["x0"], place["y1"] - place["y0"]
    assert drawn == pytest.approx((0.04 * max(wide, high),) * 2), "an outline as wide as it is high"


def test_the_basis_is_that_of_the_first_step_and_of_the_last_power_of_two():
    run, ids = run_of(steps=45), np.arange(5)
    tables = [run.checkpoints.at(step)[1]["embed.W_E"][ids].astype(np.float64) for step in (0, 32)]
    both = np.concatenate(tables)
    basis = snapshot.basis(view_of(run), ids)
    assert basis.mean == pytest.approx(both.mean(0), abs=1e-6)
    directions = np.linalg.svd(both - both.mean(0))[2][:2]
    assert np.abs((basis.components * directions).sum(-1)) == pytest.approx(np.ones(2), abs=1e-4)


def test_the_norms_of_a_run_that_has_not_begun_are_an_empty_picture_of_the_same_kind():
    task = task_of("copy")
    run = TrainingRun.start(task, task.config, 0, 4, 3e-3)
    begun, fresh = curves.norms(view_of(run_of(steps=6)), EN), curves.norms(view_of(run), EN)
    assert not fresh.figure["data"] and fresh.says == EN("train.says.no_norms")
    for name in ("type", "title"):
        assert fresh.figure["layout"]["yaxis"][name] == begun.figure["layout"]["yaxis"][name]
    assert fresh.figure["layout"]["shapes"][0]["x0"] == 0 and begun.figure["layout"]["shapes"][0]["x0"] == 6
    heights = [made.figure["layout"]["height"] for made in (fresh, begun, curves.loss(view_of(run), EN))]
    assert heights == [curves.SQUARE, curves.SQUARE, curves.HEIGHT]


def test_what_the_encoder_reads_is_the_source_without_its_padding():
    view = view_of(run_of("translate"))
    batch, chosen = view._chosen
    whole, padded = batch.source[chosen].tolist(), batch.source_mask.copy()
    padded[chosen, -2:] = False
    for mask, expected in ((padded, whole[:-2]), (None, whole)):
        other = view_of(view.run)
        other.__dict__["_chosen"] = Batch(batch.ids, batch.targets, batch.mask, batch.source, mask), chosen
        assert other.source.tolist() == expected
    assert view_of(run_of("copy")).source is None


def test_what_a_model_writes_ends_where_its_positions_do():
    """As many tokens as are asked for, the first one besides; no more than there are positions."""
    view = view_of(run_of())
    n_ctx, first = view.run.config.n_ctx, view.row[0][:1]
    for asked in (1, 5, n_ctx - 1, n_ctx, 1000):
        n = min(asked, n_ctx - 1)
        steps = core.generate(view.params, view.run.config, first, n, 0.7, seed=view.step)
        expected = view.run.task.read([first[0], *(step.token for step in steps)])
        assert len(expected) == n + 1 and snapshot.sample(view, asked) == view.run.task.joint.join(expected)


def test_what_is_translated_is_the_source_without_what_begins_it():
    view = view_of(run_of("translate"))
    task = view.run.task
    read, _, made = snapshot.sample(view).partition(" → ")
    assert read == task.joint.join(task.read(view.source[1:])).replace(" .", ".")
    stop, room = task.vocabulary.index(END), view.run.config.n_ctx - 1
    steps = core.generate(view.params, view.run.config, view.source[:1], room, 0, source=view.source, stop=stop)
    assert read.endswith("."), "what is written begins with a full stop here, which does not lean on the arrow"
    assert made == task.joint.join(task.read([step.token for step in steps])).replace(" .", ".")


@pytest.mark.parametrize("task", ["copy", "translate"])
def test_the_map_beside_the_run_has_no_numbers_in_its_cells_and_is_square(task):
    picture = snapshot.attention(view_of(run_of(task)), EN)
    assert [trace["type"] for trace in picture.figure["data"]] == ["heatmap"]
    assert (
        picture.figure["layout"]["height"]
        == curves.SQUARE
        == snapshot.embeddings(view_of(run_of()), EN).figure["layout"]["height"]
    )


def test_the_outline_of_a_step_is_a_share_of_the_axis():
    for steps, axis in ((3, 10), (12, 12), (30, 30)):
        view = view_of(run_of(steps=steps))
        place = curves.loss(view, EN).numbers.place(("loss_mean.logits", (1,)))
        assert (place["x0"], place["x1"]) == pytest.approx((1 - 0.006 * axis, 1 + 0.006 * axis))


def test_long_lines_are_thinned_and_keep_their_ends():
    x = np.arange(100_000)
    figure = training_curves([Curve(x, np.sin(x), "a", "@query")], moment=5)
    drawn = figure["data"][0]["x"]
    assert len(drawn) <= POINTS and drawn[0] == 0 and drawn[-1] == 99_999


@pytest.mark.parametrize(("task", "n"), [("repeat", 64), ("copy", 16), ("stories", 24)])
def test_of_a_text_the_example_is_the_beginning_and_where_something_is_asked_all(task, n):
    view = view_of(run_of(task, 3))
    assert [len(part) for part in view.row] == [n] * 3 and view.row[2].all() == (task == "stories")


@pytest.mark.parametrize(("lang", "word"), [("pt-BR", "a"), ("en", "the")])
def test_the_example_is_in_the_reader_s_language(lang, word):
    run = run_of("stories", 3)
    view = View(Training((), run), run, Scene(), *run.at(None), lang)
    assert run.task.speaks(view.row[0], lang) and not run.task.speaks(view.row[0], {"en": "pt-BR"}.get(lang, "en"))
    assert len(view.tokens) == core.limits.SHOWN and word in run.task.vocabulary


# -------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize("lang", LANGUAGES)
def test_where_a_head_looks_is_told(lang):
    words, place = words_of(lang), {"layer": 0, "head": 1}

    def said(*rows: list[float]) -> str:
        return snapshot._strongest(np.array(rows), ["a", "b", "a"], words, **place)

    looks = said([1, 0, 0], [0.6, 0.4, 0], [0.1, 0.7, 0.2])
    names = {"query": words("placed", token="a", place=2), "key": "“b”"}
    assert looks == words("train.says.attention", **place, **names, back=1, weight=0.7)
    assert "1 tokens" not in looks and "−1" not in looks
    two = said([1, 0, 0], [0.6, 0.4, 0], [0.8, 0.1, 0.1])
    assert two.count("2 tokens") == 1 and words("placed", token="a", place=0) in two
    tied = said([1, 0, 0], [0.4, 0.6, 0], [0.4, 0.2, 0.4])
    assert tied == words("train.says.attention_alike", **place, n=2, weight=0.4)
    itself = words("train.says.attention_itself", **place, least=0.005)
    assert said([1, 0, 0], [0, 1, 0], [0, 0, 1]) == said([1, 0, 0], [0.004, 0.996, 0], [0.001, 0, 0.999]) == itself
    assert snapshot._strongest(np.ones((1, 1)), ["a"], words, **place) == itself
    assert said([1, 0, 0], [np.nan] * 3, [np.nan] * 3) == words("train.says.attention_lost", **place)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_moved_and_what_is_long_is_told(lang):
    words = words_of(lang)
    still = view_of(run_of(steps=3), train_step=0)
    assert snapshot.embeddings(still, words).says == words("train.says.embeddings_still")
    one = snapshot._furthest(np.array([0.004, 0.5, 0.5]), ["a", "b", "c"], words)
    assert one == words(
        "train.says.embeddings",
        tokens=words.several(["“b”", "“c”"]),
        n=2,
        length=words.number(0.5),
        mean=words.number(1.004 / 3),
    )
    alike = snapshot._furthest(np.array([0.3, 0.3]), ["a", "b"], words)
    assert alike == words("train.says.embeddings_alike", length=words.number(0.3))
    lengths = {"embed": 0.2, "blocks.0": 0.1, "blocks.1": 0.1, "unembed": 0.15}
    low = words.several([words("quoted", token=words("train.part.blocks", n=str(n))) for n in (0, 1)])
    told = curves._longest(lengths, 4, words)
    assert low in told and told.index(curves.power(0.2, words)) < told.index(low)
    assert curves._longest(dict.fromkeys(lengths, 0.2), 4, words).count(curves.power(0.2, words)) == 1
    assert curves._longest(dict.fromkeys(lengths, np.nan), 4, words) == words("train.says.norms_lost", step=4)


def test_the_run_s_own_arrays_are_told():
    """Of a run that learned a little: the furthest embedding, the longest gradient and the strongest look."""
    view = view_of(run_of(steps=30))
    ids = snapshot.ids(view)
    start, end = (view.run.at(step)[1]["embed.W_E"][ids].astype(float) for step in (0, 30))
    lengths = [float(np.sqrt(((a - b) ** 2).sum())) for a, b in zip(start, end, strict=True)]
    furthest = view.run.task.vocabulary[ids[int(np.argmax(lengths))]]
    says = snapshot.embeddings(view, EN).says
    assert f"“{furthest}”" in says and f"{max(lengths):.2f}" in says and f"{np.mean(lengths):.2f} on average" in says
    norms = {part: values[29] for part, values in view.run.norms.items()}
    most = max(norms, key=norms.get)
    assert f"longest in “{curves.part_name(most, EN)}” ({curves.power(norms[most], EN)})" in curves.norms(view, EN).says
    pattern = view.trace["blocks.0.attn.pattern"][0]
    best = max(pattern[i, j] for i in range(len(pattern)) for j in range(i))
    assert f"{best:.2f}" in snapshot.attention(view, EN).says


@pytest.mark.parametrize("lang", ("pt-BR", "en"))
def test_a_file_that_is_not_unicode_is_read_as_the_reader_says(lang):
    def app(data: bytes, lang: str) -> None:
        import streamlit as st

        from pictures.words import words_of
        from ui.train import files

        st.session_state["text"] = files._from_file(data, words_of(lang))

    words, text = words_of(lang), "é ação à beira-mar; os pinguins não têm joelho. " * 9
    at = fine(AppTest.from_function(app, args=(text.encode("cp1252"), lang)).run())
    assert words("train.own.why.encoding") in html(at) and at.session_state["text"] == text
    assert "ação" in html(at), "what it would read as is shown"
    at = fine(at.selectbox[0].set_value("mac-roman").run())
    assert at.session_state["text"] == text.encode("cp1252").decode("mac-roman") and "ação" not in html(at)
    for data, why in ((b"a\0bc", "file"), ("\ufffd".encode(), "lost"), (b"a" * 900_000, "long")):
        at = fine(AppTest.from_function(app, args=(data, lang)).run())
        assert words(f"train.own.why.{why}", limit=200, least=64) in html(at)
        assert at.session_state["text"] == "" and not at.selectbox
    at = fine(AppTest.from_function(app, args=(text.encode("utf-16"), lang)).run())
    assert at.session_state["text"] == text and not at.selectbox and not html(at)


# ------------------------------------------------------------------------------------------- its view is in the Scene


def test_how_a_run_is_driven_and_looked_at_is_in_the_address():
    asked = {"train_pace": "full", "train_overlay": "0", "check_parameter": "blocks.0.attn.W_O", "check_row": "3"}
    asked |= {"check_column": "2", "check_nudge": "0.001", "check_bug": "1", "lang": "en"}
    at = page(**asked)
    assert at.query_params == asked
    shown = {widget.label: widget.value for kind in ("selectbox", "number_input", "toggle") for widget in at.get(kind)}
    assert shown[EN("train.check.parameter")] == "blocks.0.attn.W_O" and shown[EN("train.check.bug")] is True
    assert (shown[EN("train.check.row")], shown[EN("train.check.column")]) == (3, 2)
    assert shown[EN("train.overlay")] is False
    assert labelled(at.button_group, "train.speed").value == "full"
    training = at.session_state[RUN]
    view = View(training, training.run, at.session_state[SCENE], *training.run.at(None), "en")
    objective = next_token(*(part[None] for part in view.row[1:]))
    found = gradcheck(
        *(view.params, training.run.config, objective, "blocks.0.attn.W_O", (3, 2), 1e-3, True), ids=view.row[0][None]
    )
    assert gradient_check._table(found, EN) in html(at)


def test_the_knobs_of_the_check_turn_the_scene_and_can_be_undone():
    at = page(lang="en")
    labelled(at.selectbox, "train.check.parameter").set_value("embed.W_E").run()
    labelled(at.number_input, "train.check.row").set_value(4).run()
    labelled(at.toggle, "train.check.bug").set_value(True).run()
    scene = fine(at).session_state[SCENE]
    assert (scene.check_parameter, scene.check_row, scene.check_bug) == ("embed.W_E", 4, True)
    assert [past.check_row for past in at.session_state[PAST]] == [0, 0, 4]


@pytest.mark.parametrize("asked", [{"check_parameter": "of.nobody"}, {"check_row": "900000", "check_column": "900000"}])
def test_a_place_that_this_model_lacks_is_the_nearest_that_it_has(asked):
    at = fine(page(lang="en", **asked))
    shown = {widget.label: widget.value for kind in ("selectbox", "number_input") for widget in at.get(kind)}
    assert shown[EN("train.check.parameter")] == "blocks.0.attn.W_Q"
    rows, columns = at.session_state[RUN].run.state.params["blocks.0.attn.W_Q"].shape
    last = (rows - 1, columns - 1) if "check_row" in asked else (0, 0)
    assert (shown[EN("train.check.row")], shown[EN("train.check.column")]) == last


def test_a_run_before_is_laid_under_this_one_as_the_scene_says():
    former, run = run_of(seed=1), run_of()
    for overlay in (True, False):
        view = View(Training((), run, former.history), run, Scene(train_overlay=overlay), *run.at(None))
        assert (view.former is not None) == overlay


def test_what_is_counted_agrees_with_how_many_are_right():
    one, none = ({"right": right, "n": 8, "mean": 0.1, "layer": 0, "head": 0} for right in (1, 0))
    pt = words_of("pt-BR")
    assert EN("train.says.example", **one).startswith("1 of 8 guesses is right;")
    assert pt("train.says.example", **one).startswith("1 de 8 palpites está certo;")
    assert pt("train.says.example", **none).startswith("0 de 8 palpites estão certos;")
    for key in ("train.says.across", "translate.says.score"):
        assert "1 of 8 words looks most at one that it stems from" in EN(key, **one)
        assert "0 of 8 words look most at one that they stem from" in EN(key, **none)
        assert "1 de 8 palavras olha mais para uma de que vem" in pt(key, **one)


@pytest.mark.parametrize("task", ["copy", "translate"])
def test_a_map_of_which_a_part_is_lost_has_no_strongest_look(task):
    """A row of the chosen head is no number, the others are."""
    view = view_of(run_of(task, 3))
    name = f"blocks.0.{'attn' if view.source is None else 'cross'}.pattern"
    pattern = np.array(view.trace[name])
    pattern[0, 1] = np.nan
    lost = replace(view)
    lost.trace = {name: pattern}
    assert snapshot.attention(lost, EN).says == EN("train.says.attention_lost", layer=0, head=0)
    assert snapshot.attention(view, EN).says != snapshot.attention(lost, EN).says


def test_a_run_whose_numbers_leave_their_range_keeps_the_line_of_its_induction_heads():
    run = run_of("copy", 6)
    drawn = [trace["name"] for trace in curves.scores(view_of(run), EN).figure["data"] if trace.get("name")]
    run.state.params["blocks.0.attn.W_Q"][:] = np.nan
    with np.errstate(all="ignore"):
        run.advance(60, 1)
        run.look()
        view = view_of(run)
        assert np.isnan(run.watches[-1].induction) and not np.isnan(run.watches[0].induction)
        assert [trace["name"] for trace in curves.scores(view, EN).figure["data"] if trace.get("name")] == drawn
    assert EN("train.line.induction") in drawn
