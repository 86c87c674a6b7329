"""Backward: what holds the gradient, the pictures as figures, the step as AdamW's own code takes it, and the knobs."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go
import pytest
from support import fine, html, open_page

import core
from core import Scene, limits
from core.train.loop import Recipe, State, adamw
from pictures import backward, compare_backward, compute, descent, loss_choice
from pictures.display_names import called
from pictures.explained import card
from pictures.explained.page_world import world
from pictures.words import LANGUAGES, words_of
from plots import theme
from ui.state import SCENE

DEEP = Scene(model="gpt").override(n_layers=8, d_model=16)
TWO = Scene(model="translator")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pictures_are_figures_in_both_themes(lang):
    for scene in (Scene(), Scene(model="gpt", sentence="um"), Scene(model="gpt", off=("softmax",)), DEEP, TWO):
        for builder in (backward.lengths, backward.by_word, *([backward.by_source_word] if scene is TWO else [])):
            picture = builder(scene, words_of(lang))
            assert picture.says and "{" not in picture.says
            for mode in theme.PALETTES:
                go.Figure(theme.resolve(picture.figure, mode))


@pytest.mark.parametrize("scene", [DEEP, DEEP.pin().override(n_layers=3), TWO], ids=["one", "beside", "two stacks"])
def test_the_last_stage_is_called_the_embeddings_and_is_theirs(scene):
    own = scene.config.n_layers
    most = max(own, scene.pinned.config.n_layers if scene.pinned else 0, scene.config.n_encoder_layers)
    for lang in LANGUAGES:
        builder = compare_backward.lengths if scene.pinned else backward.lengths
        lengths, by_word = (f(scene, words_of(lang)) for f in (builder, backward.by_word))
        assert lengths.figure["layout"]["xaxis"]["ticktext"][-1] == "embeddings"
        assert by_word.figure["layout"]["yaxis"]["ticktext"][-2:] == ["1", "embeddings"]
        for axis, n in ((lengths.figure["layout"]["xaxis"], most), (by_word.figure["layout"]["yaxis"], own)):
            stages = [words_of(lang)("backward.out"), *map(str, range(n - 1, 0, -1)), "embeddings"]
            assert list(axis["ticktext"]) == [stages[int(at)] for at in axis["tickvals"]]
        for row in lengths.numbers.numbers:
            assert row[-1][0].endswith("overall.grad.embed") or row[-1][0] == "overall.grad.encoder.embed"
        assert by_word.numbers.at({"x": 0, "y": len(backward.back(scene).whole) - 1}) == ("length.grad.embed", (0,))


def test_residual_connections_hold_the_gradient():
    def reach(scene: Scene) -> float:
        whole = backward.back(scene).whole
        return whole[0] / whole[-1]

    bare = DEEP.switch(norm=False)
    assert reach(bare) > 1000 * reach(bare.switch(residual=False)) and reach(bare.switch(residual=False)) < 0.1
    assert reach(DEEP) > 5 * reach(DEEP.switch(residual=False))  # the norms hold some of it


def test_the_gradient_s_length_is_that_of_central_differences():
    """Along the gradient itself the loss changes by its length."""
    scene = Scene(model="gpt").override(n_layers=3, d_model=16)
    found, run = backward.back(scene), core.run(scene)
    x = run.embeddings.astype(np.float64)
    params = {name: p.astype(np.float64) for name, p in run.params.items()}
    targets = run.encoding.ids[1:]

    def loss(x: np.ndarray) -> float:
        return core.cross_entropy(core.forward(params, run.config, embeddings=x)["logits"][:-1], targets)[0]

    _, dlogits = core.cross_entropy(core.forward(params, run.config, embeddings=x)["logits"][:-1], targets)
    trace = core.forward(params, run.config, embeddings=x)
    dlogits = np.vstack([dlogits, np.zeros_like(dlogits[:1])])
    gradient = core.backward(params, run.config, trace, dlogits, activations=True)["embed"]
    way = 1e-5 * gradient / np.linalg.norm(gradient)
    assert (loss(x + way) - loss(x - way)) / 2e-5 == pytest.approx(found.whole[0], rel=1e-4)


SENTENCES = {  # read, and patched from
    "gpt": ("o gato viu o rato", "o rato viu o gato"),
    "translator": ("o pinguim viu a onda .", "uma foca viu a onda ."),
}
PUT = (
    *(("gpt", name, place) for name, place in (("blocks.0.resid_pre", (3,)), ("blocks.1.attn.z", (1, 3)))),
    *(("gpt", name, place) for name, place in (("blocks.1.attn.z", (2,)), ("blocks.2.mlp_out", ()))),
    *(("translator", f"{inside}blocks.1.resid_pre", (2,)) for inside in ("", "encoder.")),
    *(("translator", name, place) for name, place in (("blocks.0.cross.z", (1,)), ("encoder.blocks.0.attn.z", (1, 2)))),
)


@pytest.mark.parametrize(("model", "name", "place"), PUT)
def test_under_a_patch_the_gradients_are_those_of_central_differences(model, name, place):
    """All weights moved along their gradient, and what was put in left as it is: the loss changes by its length."""
    sentence, source = SENTENCES[model]
    scene = Scene(model=model, sentence=sentence, loss_position=3, loss_token=7).turn(
        patch=(name, place), patch_source=source
    )
    found, run = backward.back(scene), core.run(scene)
    params = {name: p.astype(np.float64) for name, p in run.params.items()}
    grads = backward.gradients(found.judged)[1]
    way = {name: grads[name].astype(np.float64) for name in params}
    length = np.sqrt(sum(np.vdot(one, one) for one in way.values()))
    given = {"ids": run.encoding.ids} if run.target is None else {"ids": run.target, "source": run.encoding.ids}
    there, change = run.trace[name][place], run.trace.interventions
    assert np.array_equal(there, core.run(scene.patched_from).trace[name][place]) or run.target is not None
    assert list(change.patch) == [name]

    def loss(step: float) -> float:
        moved = {name: p + step * way[name] / length for name, p in params.items()}
        trace = core.forward(moved, scene.whole, **given, interventions=change)
        return core.cross_entropy(trace["logits"], *found.judged.targets(run))[0]

    step = 1e-4
    assert loss(0) == pytest.approx(found.loss, rel=1e-4)
    assert (loss(step) - loss(-step)) / (2 * step) == pytest.approx(length, rel=1e-3)
    whole = backward.back(scene.unpatched)
    assert found.stopped == pytest.approx(np.linalg.norm(grads[name][place])) and whole.stopped is None
    assert not np.allclose(found.grads["embed"], whole.grads["embed"], rtol=1e-3)


@pytest.mark.parametrize("name", ["blocks.0.attn.W_Q", "blocks.0.attn.b_Q"])
def test_the_step_is_the_one_that_training_takes(name):
    weight, gradient, rate = 0.7, -0.03, 0.01
    state = State.start({name: np.full((1, 1), weight)})
    adamw(state, {name: np.full((1, 1), gradient)}, abs(gradient), Recipe(rate=rate))
    new, m, v, adam = descent.descended(weight, gradient, rate, "W" in name)
    assert new == pytest.approx(weight - rate * gradient)
    assert m == pytest.approx(state.mean[name].item()) and v == pytest.approx(state.square[name].item())
    assert adam == pytest.approx(state.params[name].item(), rel=1e-9)


def test_the_knobs():
    at = open_page("backward", {"lang": "en", "model": "gpt"})
    assert not at.exception
    toggle = next(one for one in at.toggle if one.label.startswith("Residual"))
    toggle.set_value(False).run()
    assert not at.exception and at.session_state[SCENE].missing == ("residual",)
    next(one for one in at.toggle if one.label == "Scaled weights").set_value(False).run()
    assert not at.exception and at.session_state[SCENE].config.init == "unit"
    at = open_page("backward", {"lang": "pt-BR"})
    assert not at.exception and all(one.disabled for one in at.toggle if one.label.startswith("Conex"))


def test_what_crosses_is_what_central_differences_say():
    """The encoder's embeddings moved along their gradient: the loss of what is written changes by its length."""
    scene = Scene(model="seq2seq", sentence="um dois", loss_position=1, loss_token=7)
    found, run = backward.back(scene), core.run(scene)
    params = {name: p.astype(np.float64) for name, p in run.params.items()}
    x = params["embed.W_E"][run.encoding.ids]
    way = found.grads["encoder.embed"] / np.linalg.norm(found.grads["encoder.embed"])

    def loss(x: np.ndarray) -> float:
        trace = core.forward(params, run.config, run.target, source_embeddings=x)
        return core.cross_entropy(trace["logits"][1:2], np.array([7]))[0]

    slope = (loss(x + 1e-5 * way) - loss(x - 1e-5 * way)) / 2e-5
    scale = np.sqrt(run.config.d_model if run.config.embed_scale else 1)  # of what was moved to what is called embed
    assert slope == pytest.approx(scale * np.linalg.norm(found.grads["encoder.embed"]), rel=1e-3)


def test_which_token_is_right_is_chosen_where_one_was_written():
    assert loss_choice.rights(TWO) == {} == loss_choice.rights(DEEP.turn(loss_position=1))
    scene = TWO.turn(loss_position=3)
    shares = loss_choice.rights(scene)
    written, *others = shares
    assert len(shares) == loss_choice.LIKELY and backward.back(scene).loss == pytest.approx(
        -np.log(shares[written]), abs=1e-6
    )
    other = scene.turn(loss_token=others[0])
    assert backward.back(other).loss == pytest.approx(-np.log(shares[others[0]]), rel=1e-4)
    assert loss_choice.loss_of(scene.turn(loss_token=written)) == loss_choice.loss_of(scene.turn(loss_token=9999))
    assert 40 in loss_choice.rights(scene.turn(loss_token=40))


@pytest.mark.parametrize(
    "asked",
    [{"model": "gpt", "loss_position": "1"}, {"loss_position": "1"}, {"model": "translator"}],
    ids=["one stack", "one that stands in", "all places"],
)
def test_a_right_token_where_none_is_chosen_is_let_go_and_that_is_said(monkeypatch, asked):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = open_page("backward", {"lang": "en", "loss_token": "7", **asked})
    assert not at.exception and at.session_state[SCENE].loss_token is None
    assert "loss_token = “7” (there is no such place in this model or sentence)" in html(at)
    assert "loss_token" not in at.query_params


def weights(found: backward.Back) -> dict[str, np.ndarray]:
    """The gradients by every parameter."""
    grads = backward.gradients(found.judged)[1]
    return {name: grads[name] for name in compute.params(found.judged.scene)}


def test_a_small_step_lowers_the_loss_by_its_length_times_the_slope():
    found = backward.back(DEEP)
    slope = sum(float((g.astype(np.float64) ** 2).sum()) for g in weights(found).values())
    rate = 0.01 * found.loss / slope
    assert descent._after(found.judged, rate) == pytest.approx(found.loss - rate * slope, rel=1e-3)
    assert descent.step(Scene(model="gpt", sentence="um"), words_of("en")) == [], "of one word nothing is foretold"


def test_a_place_behind_the_end_is_the_last_one_that_foretells():
    n = len(DEEP.tokens)
    assert loss_choice.loss_of(DEEP.turn(loss_position=64)).position == n - 2
    assert len(loss_choice.positions(DEEP, words_of("en"))) == n - 1
    judged = loss_choice.loss_of(TWO.turn(loss_position=64))
    run = core.run(TWO)
    right, counts = judged.targets(run)
    assert right.tolist() == [*run.target[1:], run.trace["logits"][-1].argmax()]
    assert np.flatnonzero(counts).tolist() == [judged.position] == [len(run.target) - 1]


def test_a_step_goes_along_the_gradients_that_the_page_has(monkeypatch):
    """And so do its explanations: they are computed once."""
    scene, made, words = DEEP.turn(seed=3), [], words_of("en")
    monkeypatch.setattr(backward, "made", lambda judged, real=backward.made: (made.append(1), real(judged))[1])
    monkeypatch.setattr(sys.modules["core.explain.subject"], "backward", lambda *_, **__: pytest.fail("computed again"))
    assert len(descent.step(scene, words)) == 3
    assert len(descent.step(scene.turn(learning_rate=0.001), words)) == 3
    assert card.shown("backward", scene.turn(explained=(("grad.embed", (1, 2)),)), words)
    assert len(made) == 1
    here, found = world("backward", scene, words), backward.back(scene)
    assert (
        here.value(("grad.blocks.1.ln1.out", (1, 2))) == backward.gradients(found.judged)[1]["blocks.1.ln1.out"][1, 2]
    )


def test_the_gradients_of_very_many_weights_are_not_kept(monkeypatch):
    scene, words = DEEP.turn(seed=4), words_of("en")
    said = descent.step(scene, words)
    monkeypatch.setattr(limits, "CACHE_LEAST", 0)
    for shelf in (backward.of_loss.cache, backward.kept.cache, descent._after.cache):
        shelf.clear()
    found = backward.back(scene)
    assert found.whole.all() and descent.step(scene, words) == said and not backward.kept.cache.entries


def test_a_model_of_two_stacks_shows_its_own_way_back(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = open_page("backward", {"lang": "en", "model": "translator", "loss_position": "3"})
    choice = next(one for one in at.selectbox if one.label == "Taken for right")
    assert not at.exception and "strip crossing mirror" in html(at) and "In the encoder, " in html(at)
    choice.select_index(1).run()
    assert not at.exception and at.session_state[SCENE].loss_token == [*loss_choice.rights(at.session_state[SCENE])][1]
    assert "where the decoder wrote “seals”" in html(at)
    next(one for one in at.selectbox if one.label == "Loss").select_index(0).run()
    assert at.session_state[SCENE].loss_position is at.session_state[SCENE].loss_token is None


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("said", "scene"),
    [
        ("nothing", Scene(model="gpt", sentence="um")),
        ("nothing", DEEP.pin().turn(sentence="um")),
        ("lost", Scene(model="gpt").override(n_layers=12, residual=False, norm="none", init="unit")),
    ],
    ids=["alone", "pinned", "lost"],
)
def test_that_there_is_no_way_back_is_said_once_and_no_map_stands_empty(monkeypatch, lang, said, scene):
    """Two maps of nothing stood beside each other, with the same sentence below either."""
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    at = fine(open_page("backward", scene.turn(lang=lang)))
    words = words_of(lang)
    assert html(at).count(words(f"backward.says.{said}")) == 1
    assert words("backward.steps.by_word") not in html(at) and not at.get("plotly_chart")
    at.session_state[SCENE] = Scene(model="gpt", lang=lang)
    assert words("backward.steps.by_word") in html(fine(at.run())) and len(at.get("plotly_chart")) == 2


def test_what_is_pinned_stands_beside_it_on_one_axis():
    scene = DEEP.pin().override(n_layers=3).turn(off=("residual",))
    words = words_of("en")
    figure = compare_backward.lengths(scene, words).figure
    for mode in theme.PALETTES:
        go.Figure(theme.resolve(figure, mode))
    was, now = (np.asarray(trace["y"]) for trace in figure["data"])
    assert was[::-1] == pytest.approx(backward.back(DEEP).whole) and np.isnan(now[:5]).all()
    assert now[5:][::-1] == pytest.approx(backward.back(scene).whole)
    axis = figure["layout"]["yaxis"]
    low, high = axis["range"] if axis["type"] == "linear" else (10.0**at for at in axis["range"])
    assert low <= np.nanmin([*was, *now]) and np.nanmax([*was, *now]) <= high
    assert compare_backward.lengths(scene.turn(sentence="um"), words).says == words("backward.says.nothing")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_too_large_for_its_gradients_has_another_in_its_place(monkeypatch, lang):
    monkeypatch.setattr(limits, "BACKWARD", 100_000)
    scene, words = Scene(model="stories", lang=lang), words_of(lang)
    assert loss_choice.asked(scene).model == loss_choice.STAND_IN
    said = html(fine(open_page("backward", scene)))
    story, other = (called(name, core.PRESETS[name], words) for name in ("stories", "gpt"))
    assert words("backward.too_large", story=story, other=other) in said


@pytest.mark.parametrize("scene", [Scene(model="gpt"), Scene(model="translator"), Scene(model="seq2seq")])
def test_a_map_by_token_has_the_last_stage_below_and_its_darkest_cell_is_the_longest(scene):
    for builder, of in ((backward.by_word, 0), (backward.by_source_word, -1)):
        way = backward.back(scene).ways[of]
        (cells,) = builder(scene, words_of("en")).figure["data"]
        assert np.asarray(cells["z"]) == pytest.approx(way.lengths[::-1])
        assert cells["zmax"] == pytest.approx(way.lengths.max()) and cells["zmin"] == 0


@pytest.mark.parametrize("layers", [(2, 2), (1, 3), (4, 1)])
def test_lines_of_unlike_depth_end_together_and_each_point_is_its_number(layers):
    """As of a Scene with another number of layers, pinned beside it."""
    prefixes, starts = ("", "encoder."), ("", "pinned.")
    ways = [
        SimpleNamespace(lengths=np.ones((n + 1, 3)), stack=SimpleNamespace(prefix=prefix))
        for n, prefix in zip(layers, prefixes, strict=True)
    ]
    lines = backward.points_of(ways, starts)
    for n, prefix, start, row in zip(layers, prefixes, starts, lines.numbers, strict=True):
        missing = max(layers) - n
        names = [f"{start}overall.{backward.GRAD}{prefix}{name}" for name in backward.stages(n)[::-1]]
        assert row == (*(None,) * missing, *((name, (0,)) for name in names))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sentence_of_a_stack_goes_on_with_a_small_letter(lang):
    words = words_of(lang)
    for way in backward.back(Scene(model="translator")).ways:
        said = backward.of_stack(way, "ABC def.", words)
        assert said == words(f"backward.says.in_{way.stack.kind}", said="aBC def.")
    (way,) = backward.back(Scene(model="gpt")).ways
    assert backward.of_stack(way, "ABC def.", words) == "ABC def."


def test_how_far_a_gradient_reaches_is_told_from_its_two_ends() -> None:
    """whole: at the embeddings first, at the end last. Where one is nothing there is no ratio of the two."""
    words = words_of("en")
    for whole, key in (((0, 3), "zero"), ((2, 0), "zero"), ((0, 0), "zero"), ((1, 1), "alike"), ((8, 2), "grows")):
        told = backward._reach(SimpleNamespace(whole=np.array([whole[0], 5.0, whole[1]])), words)
        about = {"first": words.scaled(whole[0]), "last": words.scaled(whole[1])}
        times = {} if key == "zero" else {"times": words.scaled(max(whole) / min(whole), 1)}
        assert told == words(f"backward.says.{key}", **about, **times), whole
    assert backward._reach(SimpleNamespace(whole=np.array([1.0, 3.0])), words) == words(
        "backward.says.fades", times="3.0", first="1.00", last="3.00"
    )
