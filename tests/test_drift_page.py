"""The Drift page: its picture and its sentence against the trace, and its knobs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from support import random_scenes

import core
from core import Scene
from core.interpret import distances, drift_lengths, mean_distance
from pictures import compare_drift, drift_said, ways
from pictures import drift as pictures
from pictures.words import words_of
from plots import theme
from plots.mask import masked
from plots.tokens import edged, visible
from tests.support import knob, open_page

LANGUAGES = ("en", "pt-BR")
HOSTILE = "<b>bold</b> $x$ **md** {0} @query 👩‍👩‍👧 שלום"
EXPLODING = Scene(model="encoder").override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024)
SCENES = {
    "penguins": Scene(),
    "penguins, solid": Scene(drift_3d=True),
    "start": Scene(drift_stage=0),
    "gpt": Scene(model="gpt", drift_stage=2),
    "encoder": Scene(model="encoder", drift_3d=True),
    "one word": Scene(model="gpt", sentence="um"),
    "one word, solid": Scene(model="gpt", sentence="um", drift_3d=True),
    "one word twice": Scene(model="encoder", sentence="um um"),
    "two dimensions": Scene(model="encoder", drift_3d=True).override(n_heads=1, d_model=2),
    "stage beyond the model": Scene(drift_stage=9),
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
            go.Figure(theme.resolve(masked(picture.figure), mode))


def test_basis_keeps_all_that_the_penguins_have() -> None:
    """With as many components as there is rank, projected distances are the distances."""
    stages = stages_of(Scene())
    basis = pictures.basis(Scene().computed)
    centred = (stages - stages.reshape(-1, 4).mean(axis=0)).reshape(-1, 4)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose(basis.explained, variances[:3] / variances.sum(), atol=1e-12)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "scene", [Scene(), Scene(model="gpt", drift_stage=3), Scene(model="encoder", drift_3d=True)], ids=str
)
def test_points_are_the_projected_trace(scene: Scene) -> None:
    """Starts and ends against principal axes found in another way, by the eigenvectors of the covariance."""
    stages = stages_of(scene)
    all_points = stages.reshape(-1, stages.shape[-1])
    centred = all_points - all_points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    expected = (centred @ axes).reshape(stages.shape)
    start, end = masked(pictures.drift(scene, words_of("en")).figure)["data"][-2:]
    for trace, stage in ((start, 0), (end, ways.stage(scene, stages))):
        for i, name in enumerate("xyz" if scene.drift_3d else "xy"):
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
    assert "nearest to the start of “pinguins”: 0.68 away, 1.41 at first" in says
    assert f"“{tokens[a]}” and “{tokens[b]}” are nearest now, {gaps[a, b]:.2f} apart" in says


EVERY_HEAD = tuple((layer, head) for layer in range(4) for head in range(4))
EDGES = [
    *SCENES.values(),
    Scene(ablated=((0, 0),)),
    Scene(sentence="um um um um um um um"),
    Scene(model="gpt", sentence="um o um o", off=("mlp", "positions"), ablated=EVERY_HEAD),
    Scene(model="encoder_full", sentence="o pinguim vê o peixe", off=("positions",)),
    Scene(model="encoder_full", sentence="o pinguim"),
    Scene(sentence="tem joelho"),
]


def far(a: np.ndarray, b: np.ndarray) -> float:
    """The distance of two vectors; none where float32 could not tell them apart."""
    length = float(np.sqrt(sum((a - b) ** 2)))
    return length if length > 1e-6 * max(np.sqrt(sum(a**2)), np.sqrt(sum(b**2))) else 0.0


def test_lengths_that_part_by_tens_of_thousands_are_not_called_the_same():
    """Numbers that explode are written with a power of ten: of two digits, 1.2 × 10⁶ was the way of every token."""
    scene, _ = Scene.from_query({"model": "gpt", "edits": "0.0:1000,1.1:-1000", "off": "norm", "n_layers": "12"})
    stages = ways.ways(scene)
    lengths = [far(a, b) for a, b in zip(stages[0], stages[-1], strict=True)]
    assert min(lengths) > 1e6 and max(lengths) - min(lengths) > 20_000
    says = pictures.drift(scene, words_of("en")).says
    assert f"“pinguins” has drifted furthest: {max(lengths) / 1e6:.3f}\u00a0×\u00a010⁶" in says


def least_of(end: np.ndarray, start: np.ndarray) -> str:
    """How near the nearest start is, as it is written."""
    return drift_said.size(min(far(end, x) for x in start), words_of("en"))


def plain(text: str) -> str:
    """Without the marks that keep what is written from right to left to itself."""
    return text.translate(dict.fromkeys((*range(0x2066, 0x206A), 0x200E, 0x200F)))


def named(scene: Scene, i: int) -> str:
    token = scene.tokens[i]
    shown = edged(visible(token))
    return f"“{shown}” (position {i})" if scene.tokens.count(token) > 1 else f"“{shown}”"


@pytest.mark.parametrize("scene", [*random_scenes(30, 11), *EDGES], ids=str)
def test_every_row_is_measured(scene: Scene) -> None:
    """How far each token went, and the start nearest to its end, one distance after the other."""
    words = words_of("en")
    stages, now = ways.ways(scene), ways.stage(scene, ways.ways(scene))
    assert np.array_equal(stages, stages_of(scene)[: len(stages)])
    start, end = stages[0], stages[now]
    rows = [plain(row) for row in drift_said.rows(scene, words)]
    for i, row in enumerate(rows):
        length = far(start[i], end[i])
        assert row.startswith(named(scene, i)) and (not length or drift_said.size(length, words) in row)
        assert row.endswith("has not moved") == (length == 0)
        if length == 0 or len(rows) == 1:
            continue
        reach = [drift_said.size(far(x, end[i]), words) for x in start]
        least = drift_said.size(min(far(x, end[i]) for x in start), words)
        near = [j for j in range(len(rows)) if reach[j] == least]
        if near == [i]:
            assert row.endswith("it ends nearest to its own start")
        elif len(near) == len(rows):
            assert row.endswith(f"it ends {least} away from every start")
        else:
            assert f"({least} away" in row and ("its own start" in row) == (i in near[:4] or i in near[:5] == near)
            assert all(f"the start of {named(scene, j)}" in row for j in near[:4] if j != i)
            at_first = {drift_said.size(far(start[i], start[j]), words) for j in near}
            assert ("at first" in row) == (len(at_first) == 1 and i not in near)
            assert "at first" not in row or f"{at_first.pop()} at first" in row


@pytest.mark.parametrize("scene", [*random_scenes(30, 12), *EDGES], ids=str)
def test_the_sentence_is_measured(scene: Scene) -> None:
    words = words_of("en")
    stages, now = ways.ways(scene), ways.stage(scene, ways.ways(scene))
    says = plain(pictures.drift(scene, words).says)
    start, end, n = stages[0], stages[now], len(stages[0])
    lengths = [far(a, b) for a, b in zip(start, end, strict=True)]
    most = [i for i in range(n) if drift_said.size(lengths[i], words) == drift_said.size(max(lengths), words)]
    assert ("no token has moved" in says) == (now > 0 and max(lengths) == 0)
    assert ("drifted furthest" in says) == (max(lengths) > 0 and len(most) < n)
    if "drifted furthest" in says:
        assert all(named(scene, i) in says.partition("drifted")[0] for i in most)
        assert f"drifted furthest: {drift_said.size(max(lengths), words)}" in says
        (i, *others), gains = most, [far(start[most[0]], x) - far(end[most[0]], x) for x in start]
        if "to no other start" in says:
            (nearest,) = [j for j in range(n) if f"nearest to the start of {named(scene, j)}:" in says]
            assert not others and nearest == np.argmin([far(end[i], x) for x in start])
            assert gains[nearest] > 0 and all(gains[nearest] > gains[j] for j in range(n) if j != nearest)
        ends = [j for j in range(n) if drift_said.size(far(end[i], start[j]), words) == least_of(end[i], start)]
        gained = [j for j in range(n) if drift_said.size(gains[j], words) == drift_said.size(max(gains), words)]
        if not others and len(ends) == 1 and ends != [i]:
            assert ("to no other start" in says) == (ends == gained and max(gains) > 0)
        assert ("ends nearest to its own start." in says) == (
            not others and sorted(range(n), key=lambda j: far(end[i], start[j]))[0] == i and "start and" not in says
        )
    if n > 1:
        pairs = {(a, b): far(end[a], end[b]) for a in range(n) for b in range(a)}
        mean = [np.mean([far(x[a], x[b]) for a in range(n) for b in range(a)]) for x in (start, end)]
        assert ("stand at one point" in says.lower()) == (min(pairs.values()) == 0 and "Nearest to" not in says)
        told = [text for text in ("draw nearer", "draw apart", "as far apart as at the start") if text in says]
        assert len(told) == (now > 0 and any(mean) and not mean[1] > drift_said.CROWDED * mean[0] > 0)
        assert "draw nearer" not in says or mean[1] < mean[0]
        assert "draw apart" not in says or mean[1] > mean[0]
        if min(pairs.values()):
            assert f"{drift_said.size(min(pairs.values()), words)} apart" in says
        for text, ratio in (("so their starts look", mean[1] / (mean[0] or 1)), ("far from one another again", 0)):
            assert text not in says or not ratio or f"{drift_said.size(ratio, words)} times" in says
    else:
        assert "nearest" not in says and "two tokens" not in says


def test_how_far_it_is_between_vectors_is_their_difference_s_length() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9, 32)) + 100
    y[3], y[4], y[5] = x[2], x[2] + 1e-3, x[2] * (1 + 1e-9)  # the same, nearly the same, and the same but for rounding
    exact = np.stack([drift_lengths(np.broadcast_to(row, y.shape), y) for row in x])
    found = distances(x, y)
    assert np.allclose(found, exact, rtol=1e-8, atol=0) and (found[2, [3, 5]] == 0).all() and found[2, 4] > 0
    assert np.array_equal(distances(x).diagonal(), np.zeros(9))


def test_an_end_is_near_a_start_not_in_its_direction() -> None:
    """Both the drift and the way to a start contain minus the own start: their angle is no measure of nearness."""
    start = np.array([[1.0, 0], [0, 1], [-1, 0]])
    words = words_of("en")
    off = distances(np.zeros((1, 2)), start)[0]  # all heads off: nothing is left
    assert drift_said.nearest_start(off, words).everywhere
    near = drift_said.nearest_start(distances(np.array([[0.9, -1.0]]), start)[0], words)
    assert near.indices == [0]
    assert drift_said.came_nearer(*distances(np.array([start[0], [0.1, 0.8]]), start), words).indices == [1]


def test_points_of_one_place_are_not_crowded_for_others() -> None:
    """Where all stand at one point there is no ratio to tell."""
    words = words_of("en")
    assert mean_distance(distances(np.zeros((3, 3)))) == 0 and mean_distance(np.zeros((1, 1))) == 0
    assert drift_said._crowded(1.0, 0.0, 1.0, 2, words) == drift_said._crowded(0.0, 1.0, 1.0, 1, words) == []
    assert drift_said._crowded(1.0, 19.0, 19.0, 1, words) == []
    for first, here, last in ((1.0, 21.0, 21.0), (1.0, 1.0, 21.0)):
        (said,) = drift_said._crowded(first, here, last, 1, words)
        assert "21.00 times" in said


def test_no_name_is_cut_by_a_margin_where_another_place_is_free() -> None:
    scene = Scene(model="gpt", drift_stage=0, temperature=3.0).pin().turn(temperature=1.0)
    end = masked(compare_drift.present_ways(scene, words_of("en")).figure)["data"][-1]
    assert end["text"][4] == "joelho" and end["x"][4] == max(end["x"]) and "right" not in end["textposition"][4]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_first_layer_that_explodes_is_no_stillness(lang: str) -> None:
    class Exploded(ways.Stages):
        def __getitem__(self, stage):
            return np.stack([np.eye(3)])[stage]

        def __len__(self):
            return 1

    words, scene = words_of(lang), Scene(sentence="a b c")
    says = drift_said.sentence(scene, Exploded(scene), 0, words)
    assert words("drift.says.broken_first") in says and words("drift.says.still") not in says


def test_numbers_follow_the_language() -> None:
    assert "0,97" in pictures.drift(Scene(), words_of("pt-BR")).says
    assert drift_said.size(0.974, words_of("pt-BR")) == "0,97"
    assert drift_said.size(123456789.0, words_of("pt-BR")) == "1,235\u00a0×\u00a010⁸"


def test_scales_that_differ_too_much_are_said() -> None:
    words = words_of("en")
    assert "here they look like one point" in pictures.drift(Scene(model="encoder", drift_stage=1), words).says
    assert "their starts look like one point" in pictures.drift(Scene(model="encoder"), words).says
    assert "one point" not in pictures.drift(Scene(model="gpt"), words).says


def test_positions_are_named_where_they_are_added() -> None:
    words = words_of("en")
    assert "position" in pictures.drift(Scene(model="gpt", drift_stage=0), words).says
    assert "position" not in pictures.drift(Scene(drift_stage=0), words).says


def test_designed_geometry_is_said() -> None:
    words = words_of("en")
    assert "the geometry was designed" in pictures.drift(Scene(), words).says
    assert "designed" not in pictures.drift(Scene(model="gpt"), words).says
    mixed = pictures.drift(Scene(sentence="joelho tem gato tem rato"), words).says
    assert "embeddings of “joelho” and “tem” were chosen by hand, those of “gato” and “rato” drawn at random" in mixed
    assert "No training" not in pictures.drift(Scene(sentence="gato"), words).says
    edited = Scene(sentence="joelho gato rato", edits=((1, 0, 1.0),))
    assert "of “joelho” were chosen by hand, those of “rato” drawn" in pictures.drift(edited, words).says
    both = edited.turn(sentence="joelho gato", edits=((1, 0, 1.0),))
    assert "the geometry was designed" in pictures.drift(both, words).says


def test_drift_is_followed_while_numbers_are_finite() -> None:
    stages = ways.ways(EXPLODING)
    assert 1 < len(stages) < 13 and np.isfinite(stages).all()
    assert ways.stage(EXPLODING, stages) == len(stages) - 1
    assert "float32" in pictures.drift(EXPLODING, words_of("en")).says


def page(scene: Scene) -> AppTest:
    return open_page("drift", scene)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCENES)
def test_page_runs(name: str, lang: str) -> None:
    at = page(SCENES[name].turn(lang=lang))
    assert not at.exception


def test_knobs_turn_the_scene() -> None:
    at = page(Scene(model="gpt"))
    knob(at.slider, "knob-drift_stage").set_value(1).run()
    knob(at.toggle, "knob-drift_3d").set_value(True).run()
    assert not at.exception
    scene = at.session_state["fibra.scene"]
    assert (scene.drift_stage, scene.drift_3d) == (1, True)


def test_stage_is_clipped_when_the_model_shrinks() -> None:
    at = page(Scene(model="gpt", drift_stage=4))
    assert knob(at.slider, "knob-drift_stage").value == 4
    at.session_state["fibra.scene"] = Scene(drift_stage=4)
    at.run()
    assert not at.exception
    assert knob(at.slider, "knob-drift_stage").value == 1


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_both_texts_of_a_translator_stand_in_one_basis(layers: int) -> None:
    """Those that the encoder reads, round, and those that the decoder reads, square; the shallower stack waits."""
    scene, words = Scene(model="seq2seq").override(n_layers=layers), words_of("en")
    run = core.run(scene)
    ends = [run.trace["encoder.blocks.1.resid_post"], run.trace[f"blocks.{layers - 1}.resid_post"]]
    axes = pictures.basis(pictures.directions(scene))
    picture = pictures.drift(scene, words)
    *_, start, end = masked(picture.figure)["data"]
    own = len(scene.tokens)
    assert np.stack([end["x"], end["y"]], 1) == pytest.approx(axes.project(np.concatenate(ends))[:, :2], abs=1e-4)
    assert len(start["x"]) == own + len(run.target) and len(drift_said.rows(scene, words)) == len(start["x"])
    assert end["marker"]["symbol"] == ["circle"] * own + ["square"] * len(run.target)
    assert ("The encoder has only 2 layers: after them" in picture.says) == (layers == 3)
    assert ("The decoder has only 1 layer: after it" in picture.says) == (layers == 1) and "(square)" in picture.says
    beside = scene.pin().turn(temperature=2.0)
    if compare_drift.ends_alike(beside):
        assert compare_drift.difference(beside, words).says
    assert not compare_drift.ends_alike(scene.pin().turn(sentence="um"))
    left_out = pictures.kept(Scene(model="translator", without_first=True))
    assert np.flatnonzero(~left_out).tolist() == [0, len(Scene(model="translator").tokens)]  # <en>, of either text


def test_what_is_sent_at_once_is_limited_and_an_outline_is_a_point_s() -> None:
    """Up to 200 words times stages the browser walks alone; beyond, the stage that is looked at is sent. A point's
    outline is seen on whatever scale, and holds no other of the picture's."""
    words = words_of("en")
    whole, more = (Scene(model="gpt", sentence=" ".join(f"w{i}" for i in range(n))) for n in (40, 41))
    assert [len(scene.tokens) * (scene.config.n_layers + 1) for scene in (whole, more)] == [200, 205]
    stops = [
        pictures.drift(scene, words).figure["layout"]["meta"].get("mask", {}).get("stops") for scene in (whole, more)
    ]
    assert len(stops[0]) == 5 and stops[1] is None
    for scene in (Scene(), Scene(model="encoder"), whole, more, more.turn(drift_stage=2)):
        picture = pictures.drift(scene, words)
        start, end = masked(picture.figure)["data"][-2:]
        axes = [masked(picture.figure)["layout"][axis]["range"] for axis in ("xaxis", "yaxis")]
        reach = max(abs(high - low) for low, high in axes)
        stage = ways.stage(scene, ways.Stages(scene))
        for trace, at in ((start, 0), (end, stage)):
            name = f"drift.{'blocks.0.resid_pre' if at == 0 else f'blocks.{at - 1}.resid_post'}"
            place = picture.numbers.place((name, (1, 0)))
            assert (place["x0"] + place["x1"]) / 2 == pytest.approx(float(trace["x"][1]))
            assert (place["y0"] + place["y1"]) / 2 == pytest.approx(float(trace["y"][1]))
            wide, high = (place[f"{axis}1"] - place[f"{axis}0"] for axis in "xy")
            assert 0.02 * reach < wide < 0.06 * reach and high == pytest.approx(wide)


def test_a_slanted_axis_has_a_short_title_and_a_bar_of_the_variance_a_column() -> None:
    words = words_of("en")
    for scene in (Scene(model="gpt"), Scene(model="gpt", drift_3d=True)):
        layout = masked(pictures.drift(scene, words).figure)["layout"]
        axes = layout["scene"] if scene.drift_3d else layout
        titles = [axes[f"{axis}axis"]["title"]["text"] for axis in ("xyz" if scene.drift_3d else "xy")]
        assert all(("PC" in title) and ("variance" in title) != scene.drift_3d for title in titles), titles
        bars = pictures.variance(scene, words).numbers
        assert [bars.at({"x": i, "y": 0.5}) for i in range(3)] == [("variance.embed", (i,)) for i in range(3)]
