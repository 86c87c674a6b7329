"""Backward: what holds the gradient, the pictures as figures, the step as AdamW's own code takes it, and the knobs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from support import open_page

import core
from core import Scene
from core.train.loop import Recipe, State, adamw
from pictures import backward, compare_backward
from pictures.words import LANGUAGES, words_of
from plots import theme
from ui.state import SCENE

DEEP = Scene(model="gpt").override(n_layers=8, d_model=16)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pictures_are_figures_in_both_themes(lang):
    for scene in (Scene(), Scene(model="gpt", sentence="um"), Scene(model="gpt", off=("softmax",)), DEEP):
        for builder in (backward.lengths, backward.by_word):
            picture = builder(scene, words_of(lang))
            assert picture.says and "{" not in picture.says
            for mode in theme.PALETTES:
                go.Figure(theme.resolve(picture.figure, mode))


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


@pytest.mark.parametrize("name", ["blocks.0.attn.W_Q", "blocks.0.attn.b_Q"])
def test_the_step_is_the_one_that_training_takes(name):
    weight, gradient, rate = 0.7, -0.03, 0.01
    state = State.start({name: np.full((1, 1), weight)})
    adamw(state, {name: np.full((1, 1), gradient)}, abs(gradient), Recipe(rate=rate))
    new, m, v, adam = backward.descended(weight, gradient, rate, "W" in name)
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
