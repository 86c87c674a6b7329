"""The Drift page: its picture and its sentence against the trace, and its knobs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

import core
from core import Scene
from plots import theme
from tests.support import knob
from ui.pictures import drift as pictures
from ui.words import words_of

LANGUAGES = ("en", "pt-BR")
PAGE = Path(__file__).parents[1] / "pages" / "drift.py"
HOSTILE = "<b>bold</b> $x$ **md** {0} @query 👩‍👩‍👧 שלום"
EXPLODING = Scene(model="encoder").override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024)
SCENES = {
    "penguins": Scene(),
    "penguins, solid": Scene(solid=True),
    "start": Scene(stage=0),
    "gpt": Scene(model="gpt", stage=2),
    "encoder": Scene(model="encoder", solid=True),
    "one word": Scene(model="gpt", sentence="um"),
    "one word, solid": Scene(model="gpt", sentence="um", solid=True),
    "one word twice": Scene(model="encoder", sentence="um um"),
    "two dimensions": Scene(model="encoder", solid=True).override(n_heads=1, d_model=2),
    "stage beyond the model": Scene(stage=9),
    "exploding": EXPLODING,
    "64 words": Scene(model="gpt", sentence=" ".join(f"w{i % 40}" for i in range(64))),
    "hostile": Scene(model="gpt", sentence=HOSTILE),
}


def stages_of(scene: Scene) -> np.ndarray:
    """[stage, pos, d_model], straight from a trace."""
    run = core.run(scene)
    arrays = [run.trace["blocks.0.resid_pre"]]
    arrays += [run.trace[f"blocks.{i}.resid_post"] for i in range(scene.config.n_layers)]
    return np.stack(arrays).astype(np.float64)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_pictures_are_figures_in_both_themes(scene: Scene, lang: str) -> None:
    for builder in (pictures.drift, pictures.variance):
        picture = builder(scene, words_of(lang))
        assert picture.says and "nan" not in picture.says.lower() and "inf" not in picture.says.lower().split()
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


def test_basis_keeps_all_that_the_penguins_have() -> None:
    """With as many components as there is rank, projected distances are the distances."""
    stages = stages_of(Scene())
    basis = pictures.basis(Scene().computed)
    centred = (stages - stages.reshape(-1, 4).mean(axis=0)).reshape(-1, 4)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose(basis.explained, variances[:3] / variances.sum(), atol=1e-12)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("scene", [Scene(), Scene(model="gpt", stage=3), Scene(model="encoder", solid=True)], ids=str)
def test_points_are_the_projected_trace(scene: Scene) -> None:
    """Starts and ends against principal axes found in another way, by the eigenvectors of the covariance."""
    stages = stages_of(scene)
    all_points = stages.reshape(-1, stages.shape[-1])
    centred = all_points - all_points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    expected = (centred @ axes).reshape(stages.shape)
    start, end = pictures.drift(scene, words_of("en")).figure["data"][-2:]
    for trace, stage in ((start, 0), (end, pictures.stage(scene, stages))):
        for i, name in enumerate("xyz" if scene.solid else "xy"):
            size = np.abs(expected[..., i]).max()
            sign = np.sign(np.sum(trace[name] * expected[stage, :, i]))  # an axis may point either way
            np.testing.assert_allclose(trace[name], sign * expected[stage, :, i], atol=1e-4 * size)


def test_furthest_and_nearest_of_the_penguins_by_hand() -> None:
    stages = stages_of(Scene())
    tokens = Scene().tokens
    lengths = np.sqrt(((stages[1] - stages[0]) ** 2).sum(axis=1))
    i = int(np.argmax(lengths))
    assert tokens[i] == "Os"
    gaps = {(a, b): np.sqrt(((stages[1][a] - stages[1][b]) ** 2).sum()) for a in range(5) for b in range(a + 1, 5)}
    a, b = min(gaps, key=gaps.get)
    says = pictures.drift(Scene(), words_of("en")).says
    assert f"“Os” has drifted furthest: {lengths[i]:.2f}" in says
    assert f"“{tokens[a]}” and “{tokens[b]}” are nearest now, {gaps[a, b]:.2f} apart" in says


def test_towards_is_the_smallest_angle() -> None:
    start = np.array([[0.0, 0], [1, 0], [0, 1]])
    other, cosine = pictures.towards(start, np.array([[2.0, 0.1], [-1, 1], [0, 0]]))
    assert other.tolist()[:2] == [1, 2]
    np.testing.assert_allclose(cosine[:2], [2 / np.hypot(2, 0.1), 1], atol=1e-8)
    assert cosine[2] == -np.inf  # it has not moved


def test_no_direction_is_made_up() -> None:
    """In 64 random dimensions nothing moves towards anything: the sentence says so, with the cosine."""
    says = pictures.drift(Scene(model="encoder"), words_of("en")).says
    assert "towards no other start (the best cosine is 0." in says


def test_rows_say_every_length() -> None:
    scene = Scene(model="gpt", stage=3)
    stages = stages_of(scene)
    lengths = np.linalg.norm(stages[3] - stages[0], axis=1)
    for row, token, length in zip(pictures.rows(scene, words_of("en")), scene.tokens, lengths, strict=True):
        assert row.startswith(f"“{token}”: {length:.2f}, ")


def test_numbers_follow_the_language() -> None:
    assert "0,97" in pictures.drift(Scene(), words_of("pt-BR")).says
    assert pictures.size(0.974, words_of("pt-BR")) == "0,97"
    assert pictures.size(123456789.0, words_of("pt-BR")) == "1,2 × 10⁸"


def test_scales_that_differ_too_much_are_said() -> None:
    words = words_of("en")
    assert "here they look like one point" in pictures.drift(Scene(model="encoder", stage=1), words).says
    assert "their starts look like one point" in pictures.drift(Scene(model="encoder"), words).says
    assert "one point" not in pictures.drift(Scene(model="gpt"), words).says


def test_positions_are_named_where_they_are_added() -> None:
    words = words_of("en")
    assert "position" in pictures.drift(Scene(model="gpt", stage=0), words).says
    assert "position" not in pictures.drift(Scene(stage=0), words).says


def test_designed_geometry_is_said() -> None:
    assert "the geometry was designed" in pictures.drift(Scene(), words_of("en")).says
    assert "designed" not in pictures.drift(Scene(model="gpt"), words_of("en")).says


def test_drift_is_followed_while_numbers_are_finite() -> None:
    stages = pictures.ways(EXPLODING)
    assert 1 < len(stages) < 13 and np.isfinite(stages).all()
    assert pictures.stage(EXPLODING, stages) == len(stages) - 1
    assert "float32" in pictures.drift(EXPLODING, words_of("en")).says


def page(scene: Scene) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=20)
    at.query_params.update(scene.to_query())
    return at.run()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_page_runs(name: str, lang: str) -> None:
    at = page(SCENES[name].turn(lang=lang))
    assert not at.exception


def test_knobs_turn_the_scene() -> None:
    at = page(Scene(model="gpt"))
    knob(at.slider, "knob-stage").set_value(1).run()
    knob(at.toggle, "knob-solid").set_value(True).run()
    assert not at.exception
    scene = at.session_state["fibra.scene"]
    assert (scene.stage, scene.solid) == (1, True)


def test_stage_is_clipped_when_the_model_shrinks() -> None:
    at = page(Scene(model="gpt", stage=4))
    assert knob(at.slider, "knob-stage").value == 4
    at.session_state["fibra.scene"] = Scene(stage=4)
    at.run()
    assert not at.exception
    assert knob(at.slider, "knob-stage").value == 1
