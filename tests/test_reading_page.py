"""Reading heads: every figure and every sentence against arrays computed here, and what a click chooses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest
from support import random_scenes, written

import core
from core import Scene
from core.interpret import LABELS
from plots import theme
from plots.figure import to_json
from ui.pictures import reading as pictures
from ui.words import LANGUAGES, words_of

PAGE = Path(__file__).parents[1] / "pages" / "reading.py"
EDGES = [
    Scene(),
    Scene(model="gpt", sentence="um"),
    Scene(model="gpt", temperature=0.1, sentence="a b a b <b>"),
    Scene(model="gpt", ablated=((0, 0),), off=("W_O", "W_V")),
    Scene(model="encoder", layer=11).override(n_layers=12, d_model=256, n_heads=16, d_mlp=1024),
    Scene(model="gpt", sentence=" ".join(f"w{i % 40}" for i in range(64))),
]
SCENES = random_scenes(24, 11)
MAPS = (pictures.labels, pictures.effects, pictures.scores)
SQUARES = (pictures.weights, pictures.carried, pictures.importance, pictures.rolled)
both = pytest.mark.parametrize("lang", LANGUAGES)


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_pictures_are_figures_in_both_themes(scene, lang):
    for builder in (*MAPS, *SQUARES):
        picture = builder(scene, words_of(lang))
        assert picture.says and "nan" not in picture.says.lower() and "{" not in picture.says
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


def holds(text: str, *values: float, abs_: float = 0.0051) -> bool:
    return all(any(found == pytest.approx(value, abs=abs_, rel=1e-3) for found in written(text)) for value in values)


def patterns_of(scene: Scene) -> np.ndarray:
    trace = core.run(scene).trace
    return np.stack([trace[f"blocks.{i}.attn.pattern"] for i in range(scene.config.n_layers)]).astype(float)


def scores_of(scene: Scene, layer: int, head: int) -> dict[str, float]:
    """The definitions, query by query."""
    a, tokens = patterns_of(scene)[layer, head], scene.tokens
    found = {name: [] for name in LABELS}
    for q, row in enumerate(a):
        sight = q + 1 if scene.config.causal else len(row)
        if sight == 1:
            continue
        found["first"].append(row[0])
        found["itself"].append(row[q])
        found["uniform"].append(-sum(w * np.log2(w) for w in row if w > 0) / np.log2(sight))
        if q:
            found["previous"].append(row[q - 1])
        if twins := [row[k] for k in range(sight) if k != q and tokens[k] == tokens[q]]:
            found["same"].append(sum(twins))
        if after := [row[k] for k in range(1, min(sight, q + 1)) if tokens[k - 1] == tokens[q]]:
            found["induction"].append(sum(after))
    return {name: float(np.mean(values)) if values else 0.0 for name, values in found.items()}


@both
def test_labels_and_scores(lang):
    words, named = words_of(lang), 0
    for scene in SCENES:
        labels = pictures.labels_of(scene)
        for place in np.ndindex(labels.shape):
            scores = scores_of(scene, *place)
            best = max((name for name in LABELS if name != "uniform"), key=scores.__getitem__)
            expected = best if scores[best] >= 0.5 else "uniform" if scores["uniform"] >= 0.95 else None
            assert labels[place] == expected
            named += expected is not None
        says, n = pictures.labels(scene, words).says, labels.size
        counts = [int((labels == name).sum()) for name in LABELS]
        assert holds(says, n, *(count for count in counts if count))
        mine, label = scores_of(scene, *scene.place), labels[scene.place]
        picture = pictures.scores(scene, words)
        assert np.allclose(picture.figure["data"][0]["y"], [mine[name] for name in LABELS], atol=1e-5)
        assert holds(
            picture.says, *scene.place, mine[label] if label else max(s for k, s in mine.items() if k != "uniform")
        )
    assert named > 10


def test_the_shipped_induction_head_has_its_name():
    assert "induction" in pictures.labels_of(Scene(model="induction"))[1]


@both
def test_what_would_be_lost(lang):
    for scene in SCENES:
        picture, (n, heads) = pictures.effects(scene, words_of(lang)), (scene.config.n_layers, scene.config.n_heads)
        last = f"blocks.{n - 1}.resid_post"
        y = core.run(scene).trace[last].astype(float)
        lost = np.zeros((n, heads, len(y)))
        for place in np.ndindex(n, heads):
            without = core.run(scene.turn(ablated={*scene.ablated, place})).trace[last].astype(float)
            change, size = (np.sqrt((x**2).sum(1)) for x in (without - y, y))
            lost[place] = np.where(size > 0, change / np.where(size > 0, size, 1), change)
        mean, row = 100 * lost.mean(-1), scene.cell[0]
        assert np.allclose(picture.figure["data"][0]["z"], mean, rtol=1e-4, atol=1e-4)
        assert holds(picture.says, mean.max(), mean.min(), 100 * lost[..., row].max(), abs_=0.051)
        most = np.unravel_index(mean.argmax(), mean.shape)
        assert words_of(lang)("heads.place", layer=int(most[0]), head=int(most[1])) in picture.says or mean.size == 1


@both
def test_weight_is_not_importance(lang):
    words, parted = words_of(lang), 0
    for scene in SCENES:
        run, (layer, head), query = core.run(scene), scene.place, scene.cell[0]
        a = patterns_of(scene)[layer, head]
        assert np.allclose(pictures.weights(scene, words).figure["data"][0]["z"], a, atol=1e-6)
        assert holds(pictures.weights(scene, words).says, a[query].max())

        v = run.trace[f"blocks.{layer}.attn.v"][head].astype(float)
        if scene.config.projections and "W_O" not in scene.off:
            width = scene.config.head_width
            v = v @ run.params[f"blocks.{layer}.attn.W_O"][head * width : (head + 1) * width].astype(float)
        carried = a * np.sqrt((v**2).sum(1)) * ((layer, head) not in scene.ablated)
        picture = pictures.carried(scene, words)
        assert np.allclose(picture.figure["data"][0]["z"], carried, rtol=1e-4, atol=1e-4)
        assert holds(picture.says, carried[query].max())

        picture = pictures.importance(scene, words)
        shares = np.stack([bars["y"] for bars in picture.figure["data"]])
        assert np.allclose(shares[0], a[query], atol=1e-5)
        whole = carried[query].sum()
        assert np.allclose(shares[1], carried[query] / whole if whole else 0, atol=1e-4)
        assert holds(picture.says, a[query].max(), carried[query].max())
        parted += len({int(row.argmax()) for row in shares}) > 1
    assert parted, "in some Scene they part"


@both
def test_rollout_multiplies_the_layers(lang):
    for scene in SCENES:
        picture, query = pictures.rolled(scene, words_of(lang)), scene.cell[0]
        rolled = np.eye(len(scene.tokens))
        for a in patterns_of(scene).mean(1)[: scene.place[0] + 1]:
            rolled = ((a + np.eye(len(a))) / 2 if scene.config.residual else a) @ rolled
        assert np.allclose(picture.figure["data"][0]["z"], rolled, atol=1e-5)
        assert holds(picture.says, scene.place[0], rolled[query].max(), rolled[query, query])


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_page_runs(scene, lang):
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params.update(scene.turn(lang=lang).to_query())
    assert not at.run().exception


HOSTILE = Scene(model="gpt", sentence="<b>bold</b> $x$ @query <i>i</i> {0}")


def test_tokens_are_never_markup():
    for builder in (*MAPS, *SQUARES):
        figure = builder(HOSTILE, words_of("en")).figure
        shown = to_json({"data": figure["data"], "layout": figure["layout"] | {"meta": {}}})
        assert b"<b>bold" not in shown and b"$x$" not in shown and b'"@query <' not in shown
