"""The figures say what their arrays say, in both themes, whatever the tokens are."""

from __future__ import annotations

import base64
import html
import json
import math
import re
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

import plots.bipartite as flat_plot
import plots.drift as drift_module
from plots import figure as figures
from plots import theme, training_curves
from plots.bipartite import bipartite
from plots.curves import curves
from plots.drift import CANVASES, LINE_HEIGHT, RADIUS, _boxes, _free, _in_the_way, _overlap, _smooth, drift
from plots.fibres import MAX_CURVES, TRACES, _candidates, fibres, greatest_looks
from plots.figure import label_width, literal, number, short, ticks, to_json
from plots.gradient_errors import gradient_errors
from plots.head_map import head_map
from plots.heatmap import heatmap
from plots.kv_cache import kv_cache
from plots.lens import lens
from plots.losses import losses
from plots.magnitudes import magnitudes
from plots.mask import heaviest, kept, masked, plain
from plots.next_token import candidates
from plots.rugs import rugs
from plots.tile_places import THUMB_CELLS, TILE_CELLS, grid, place_of, tile_at
from plots.tiles import tiles
from plots.token_shares import grouped, token_shares

PENGUINS = ["Os", "pinguins", "não", "tem", "joelho"]
HOSTILE = ["<b>x</b>", "$x$ $y$", '<a href="https://x.example">y</a>', "@query", "{key} %{y}"]
MODES = ("light", "dark")


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def patterns(n_layers: int, n_heads: int, n_tokens: int, causal: bool = True) -> np.ndarray:
    """[layer, head, query, key], each row a distribution."""
    scores = np.random.default_rng(0).normal(0, 2, (n_layers, n_heads, n_tokens, n_tokens))
    return softmax(np.where(np.tri(n_tokens, dtype=bool) | (not causal), scores, -np.inf)).astype(np.float32)


X = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]], np.float32)
PATTERN = softmax(X @ X.T / 2).astype(np.float32)
PATHS = np.random.default_rng(1).normal(size=(4, 5, 3)).astype(np.float32)
SHARES = np.array([0.3, 0.2, 0.1, 0.0, 0.4])
WORDS = [f"palavra{i}" for i in range(64)]


def every_figure(tokens: list[str]) -> dict[str, dict]:
    """One figure of each kind, on five tokens."""
    hidden = np.where(np.tri(5, dtype=bool), PATTERN, -np.inf)
    titles = {"row_title": "Query", "column_title": "Key"}
    return {
        "probability": heatmap(PATTERN, tokens, tokens, scale="probability", chosen=(3, 1), **titles),
        "masked": heatmap(hidden, tokens, tokens, **titles),
        "dimensions": heatmap(X, tokens, column_title="d_model", colorbar=True),
        "plain": heatmap(X, tokens, tokens[:4], scale="plain"),
        "tiles": tiles(patterns(2, 3, 5), chosen=(1, 2), ablated={(0, 1)}, layer_title="layer", head_title="head"),
        "thumbnails": tiles(patterns(4, 4, 33), chosen=(1, 2)),
        "fibres": fibres(patterns(2, 3, 5), tokens),
        "focused": fibres(patterns(2, 3, 5), tokens, focus=2, layers_lit=1, heads=[0, 2]),
        "flat": bipartite(patterns(1, 3, 5)[0], tokens, query_title="Query", key_title="Key"),
        "flat focused": bipartite(PATTERN[None], tokens, focus=3),
        "drift": drift(PATHS[..., :2], tokens, stage=2, stage_names=["0", "1", "2", "3"], axis_titles=["a", "b"]),
        "drift 3-D": drift(PATHS, tokens, stage_names=["0", "1", "2", "3"], axis_titles=["a", "b", "c"]),
        "growth": magnitudes(np.array([1.0, np.nan, 100.0]), tokens[:3], ["1", "", "100"]),
        "bars": token_shares(np.array([0.3, 0.2, 0.1, 0.0, 0.4]), tokens),
        "choices": candidates(
            tokens, SHARES, SHARES**2, np.arange(5) < 3, ["30%", "20%", "10%", "cut", "cut"], chosen=1, names=("a", "b")
        ),
        "lens": lens(PATTERN, [tokens] * 5, np.eye(5, dtype=bool), tokens, ["0", "1", "2", "3", "4"]),
        "ledger": kv_cache(
            np.array([0, 3]), np.array([3, 4]), tokens[:4], np.array([9e6, 3e6]), np.array([9e6, 1e7]), chosen=1
        ),
        "losses": losses(10 * SHARES, tokens, mean=2.0, ceiling=6.9, names=("mean", "ln V")),
    }


FIGURES = every_figure(PENGUINS)


def strings(node: object) -> list[str]:
    """Every string in a figure, arrays of numbers aside."""
    if isinstance(node, dict):
        return [s for value in node.values() for s in strings(value)]
    if isinstance(node, list | tuple):
        return [s for value in node for s in strings(value)]
    return [node] if isinstance(node, str) else []


def decoded(node: object) -> object:
    """JSON with Plotly's typed arrays -> NumPy arrays."""
    if isinstance(node, dict) and "bdata" in node:
        array = np.frombuffer(base64.b64decode(node["bdata"]), node["dtype"])
        return array.reshape([int(n) for n in node.get("shape", str(array.size)).split(", ")])
    if isinstance(node, dict):
        return {key: decoded(value) for key, value in node.items()}
    return [decoded(value) for value in node] if isinstance(node, list) else node


def equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


# What Plotly takes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FIGURES)
def test_a_resolved_figure_is_valid(name: str, mode: str) -> None:
    resolved = theme.resolve(FIGURES[name], mode)
    go.Figure(resolved)
    assert not [s for s in strings(resolved) if s.startswith("@")]


def coloured(node: object, name: str = "") -> list[str]:
    """Where colour tokens stand: the last property on the way to each."""
    if isinstance(node, dict):
        return [place for key, value in node.items() for place in coloured(value, key)]
    if isinstance(node, list | tuple):
        return [place for value in node for place in coloured(value, name)]
    return [name] if isinstance(node, str) and node.startswith("@") else []


@pytest.mark.parametrize("name", FIGURES)
def test_tokens_stand_only_where_the_browser_looks_for_them(name: str) -> None:
    assert all("color" in place for place in coloured(FIGURES[name]))


@pytest.mark.parametrize("name", FIGURES)
def test_json_gives_the_figure_back(name: str) -> None:
    assert equal(FIGURES[name], decoded(json.loads(to_json(FIGURES[name]))))


def test_json_without_orjson_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = to_json(FIGURES["tiles"])
    monkeypatch.setattr(figures, "orjson", None)
    monkeypatch.setattr(figures, "json", json, raising=False)
    assert to_json(FIGURES["tiles"]) == fast


def test_json_of_each_kind_of_array() -> None:
    arrays = {
        "f8": np.array([np.nan, np.inf, -0.5]),
        "f4": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "i8": np.arange(3),
        "u1": np.zeros((2, 3, 4), np.uint8),
        "bool": np.array([True, False]),
        "scalar": np.float32(0.5),
        "words": np.array(["a", "b"]),
    }
    sent = json.loads(to_json({"data": arrays}))["data"]
    assert sent["f4"]["shape"] == "3, 2" and sent["u1"]["shape"] == "2, 3, 4" and "shape" not in sent["f8"]
    assert sent["i8"]["dtype"] == "i4" and sent["bool"]["dtype"] == "u1"
    assert sent["scalar"] == 0.5 and sent["words"] == ["a", "b"]
    for name in ("f8", "f4", "i8", "u1"):
        assert equal(arrays[name], decoded(sent[name]))
    with pytest.raises(TypeError):
        to_json({"data": {1, 2}})


def test_plots_import_neither_streamlit_nor_plotly() -> None:
    root = Path(theme.__file__).parent
    names = ", ".join(sorted(path.stem for path in root.glob("[a-z]*.py")))
    code = f"import sys; from plots import {names}; print(sorted({{'streamlit', 'plotly'}} & {{*sys.modules}}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root.parent, check=True)
    assert told.stdout.strip() == "[]"


# Tokens are text


def test_hostile_tokens_come_out_literal() -> None:
    assert literal("<b>x</b>") == "&lt;b&gt;x&lt;/b&gt;"
    assert literal("&lt;") == "&amp;lt;"
    assert literal("$x$") == "&#36;x&#36;"
    assert literal("a\n\tb\x00") == "a b"
    assert literal("\ud800").encode() == "\ufffd".encode()
    assert literal("") == " "
    assert literal(" ") == "␣"


@pytest.mark.parametrize("name", every_figure(HOSTILE))
def test_no_figure_lets_a_hostile_token_through(name: str) -> None:
    for mode in MODES:
        told = strings(theme.resolve(every_figure(HOSTILE)[name], mode))
        assert not [s for s in told if re.search(r"<a |<b>x|\$x", s)]
        go.Figure(theme.resolve(every_figure(HOSTILE)[name], mode))


def test_a_token_that_names_a_colour_or_a_field_stays_itself() -> None:
    told = bipartite(PATTERN[None], HOSTILE, threshold=0.0)["data"][0]["hovertext"]
    assert any(words.startswith("&#64;query → {key} %{y} · H0") for words in told)


def test_long_tokens_are_cut_on_the_axes_and_whole_in_the_hover() -> None:
    token = "anticonstitucionalissimamente"
    assert short(token) == "anticonstituc…" and short("pinguins") == "pinguins"
    assert label_width([token]) == label_width([token * 2]) > label_width(["a"])
    assert label_width(["漢"]) > label_width(["a"]) and label_width([]) == 0
    chart = heatmap(PATTERN, [token, *PENGUINS[1:]], PENGUINS)
    assert chart["layout"]["yaxis"]["ticktext"][0] == "anticonstituc…"
    assert chart["data"][0]["customdata"][0][1] == [token, "pinguins"]
    assert "customdata" not in FIGURES["probability"]["data"][0]


@pytest.mark.parametrize("n", [3, 40])
def test_a_word_said_twice_is_two_places(n: int) -> None:
    axis = ticks(["Os"] * n, chosen=1)
    assert axis["tickvals"] == [*range(n)] and axis["ticktext"] == ["Os", "<b>Os</b>", *["Os"] * (n - 2)]


def test_numbers_are_printed_alike() -> None:
    assert [number(x, 2) for x in (0.314, -0.5, -0.001, 12.0)] == ["0.31", "−0.50", "0.00", "12.00"]
    assert number(-1234.5, 1, comma=True) == "−1234,5" and number(-0.4, 0) == "0"


# Heatmaps


def test_a_heatmap_holds_its_array() -> None:
    trace = FIGURES["probability"]["data"][0]
    assert np.array_equal(trace["z"], PATTERN) and (trace["zmin"], trace["zmax"]) == (0, 1)
    layout = FIGURES["probability"]["layout"]
    assert layout["yaxis"]["range"] == [4.5, -0.5] and layout["xaxis"]["side"] == "top"
    assert layout["xaxis"]["title"]["font"]["color"] == "@key" and layout["yaxis"]["title"]["font"]["color"] == "@query"


def test_numbers_are_written_where_they_are_legible() -> None:
    numbers = FIGURES["probability"]["data"][1]
    assert numbers["text"][3 * 5 + 3] == "0.31" and (numbers["x"][18], numbers["y"][18]) == (3, 3)
    assert len(heatmap(patterns(1, 1, 20)[0, 0], WORDS[:20], WORDS[:20], scale="probability")["data"]) == 1
    signed = heatmap(np.array([[-0.5, -0.001, 0.25]]), ["a"], ["x", "y", "z"])["data"][1]
    assert signed["text"] == ["−0.50", "0.00", "0.25"]
    assert signed["textfont"]["color"] == ["@background", "@muted", "@chosen"]


def test_masked_cells_are_gaps_with_a_word() -> None:
    cells, numbers = FIGURES["masked"]["data"]
    assert np.array_equal(np.isnan(cells["z"]), ~np.tri(5, dtype=bool))
    assert numbers["text"].count("−∞") == 10
    fill, strokes = FIGURES["masked"]["layout"]["shapes"]
    assert fill["path"].count("M") == strokes["path"].count("M") == 10


def test_nan_cells_stay_blank() -> None:
    values = np.array([[np.nan, 1.0], [0.5, -2.0]])
    chart = heatmap(values, ["a", "b"], ["c", "d"])
    assert len(chart["data"][1]["text"]) == 3 and chart["layout"]["shapes"] == []
    assert chart["data"][0]["zmax"] == -chart["data"][0]["zmin"] == 2.0


def test_a_number_beyond_float32_is_neither_a_gap_nor_a_mask() -> None:
    values = np.array([[1e39, -1e39], [0.5, -np.inf]])
    map_, numbers = heatmap(values, ["a", "b"], ["c", "d"], numbers=True)["data"]
    assert np.array_equal(map_["z"], [[1e39, -1e39], [0.5, np.nan]], equal_nan=True)
    assert map_["zmax"] == 1e39 and numbers["text"].count("−∞") == 1
    assert np.array_equal(token_shares(values[0], ["a", "b"], role="@key")["data"][0]["y"], values[0])
    paths = np.array([[[0.0, 0.0]], [[1e39, 1.0]]])
    way = drift(paths, ["a"], stage=1, axis_titles=["x", "y"], stage_names=["0", "1"])["data"]
    assert max(float(np.nanmax(trace["x"])) for trace in way) == 1e39
    for small in (values[1], np.arange(3), np.array([np.nan, -np.inf])):
        assert figures.compact(small).dtype == np.float32


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.full((2, 2), -np.inf), np.full((2, 2), np.nan)])
def test_a_scale_without_extent_is_still_a_scale(values: np.ndarray) -> None:
    trace = heatmap(values, ["a", "b"], ["a", "b"])["data"][0]
    assert (trace["zmin"], trace["zmax"]) == (-1.0, 1.0)


def test_a_large_map_is_an_image_of_which_a_part_can_be_enlarged() -> None:
    n = 70
    names, a = [f"t{i}" for i in range(n - 1)] + ["<b>"], patterns(1, 1, n)[0, 0]
    exact = heatmap(a, names, names, scale="probability", chosen=(3, 1), height=600, colorbar=True)
    go.Figure(theme.resolve(exact, "dark"))
    assert np.array_equal(exact["data"][0]["z"], a) and len(exact["data"]) == 1
    layout = exact["layout"]
    assert layout["dragmode"] == "zoom" and layout["xaxis"]["fixedrange"] is layout["yaxis"]["fixedrange"] is False
    assert (layout["yaxis"]["minallowed"], layout["yaxis"]["maxallowed"]) == (-0.5, n - 0.5)
    assert layout["xaxis"]["labelalias"]["5"] == "t5" and layout["yaxis"]["labelalias"]["69"] == "&lt;b&gt;"
    assert layout["meta"]["names"]["yaxis"] == {"all": [*names[:-1], "&lt;b&gt;"], "chosen": 3}
    scores = 40 * np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    scores[~np.tri(n, dtype=bool)], scores[:, 0] = -np.inf, np.nan
    rough = heatmap(scores, names, names, comma=True, height=250, hover="{row} → {column}: {value}")
    go.Figure(theme.resolve(rough, "light"))
    trace, seen = rough["data"][0], np.isfinite(scores)
    assert trace["z"].dtype == np.int8 and len(to_json(rough)) < n * n * 1.4 + 40 * n + 8_000
    limit = np.abs(scores[seen]).max()
    assert np.abs(trace["z"] * limit / trace["zmax"] - scores)[seen].max() <= limit / 254 * 1.001
    assert trace["colorbar"]["ticktext"] == [f"{x:.0f}".replace("-", "−") for x in (-limit, 0, limit)]
    assert "z" not in trace["hovertemplate"] and "names" not in rough["layout"]["meta"]
    masked, nothing = rough["layout"]["shapes"]
    assert masked["path"].count("M") == n - 1 and nothing["path"].count("M") == n


# Tiles


def test_tiles_hold_every_pattern() -> None:
    many = patterns(2, 3, 5)
    z = FIGURES["tiles"]["data"][0]["z"]
    step = 6
    for layer, head in np.ndindex(2, 3):
        cells = z[layer * step : layer * step + 5, head * step : head * step + 5]
        assert np.array_equal(cells, many[layer, head])
    assert np.isnan(z).sum() == z.size - many.size


@pytest.mark.parametrize("n_tokens", [1, 5, 16, 33, 63, 64])
@pytest.mark.parametrize("n_heads", [1, 4, 16])
def test_a_click_finds_its_tile(n_tokens: int, n_heads: int) -> None:
    shape = (3, n_heads, n_tokens, n_tokens)
    chart = tiles(patterns(*shape[:3]))
    columns = chart["layout"]["xaxis"]["tickvals"]
    for layer, y in enumerate(chart["layout"]["yaxis"]["tickvals"]):
        for head, x in enumerate(columns):
            half = n_tokens / 2 - 0.1
            for dx, dy in ((0, 0), (half, half), (-half, -half)):
                assert tile_at(x + dx, y + dy, shape) == (layer, head)
    assert tile_at(columns[0] + n_tokens / 2 + 0.2, columns[0], shape) is None
    assert tile_at(-5, 0, shape) is None and tile_at(0, 1e4, shape) is None


@pytest.mark.parametrize("n_tokens", [13, 32, 63, 64])
def test_above_the_threshold_tiles_are_bytes(n_tokens: int) -> None:
    many = patterns(12, 12, n_tokens)
    assert many.size > TILE_CELLS
    chart = tiles(many)
    trace, targets = chart["data"]
    factor = trace["dx"]
    assert trace["z"].dtype == np.uint8 and trace["z"].size < 2 * THUMB_CELLS
    assert (factor == 1) == (many.size <= THUMB_CELLS) and trace["hoverinfo"] == "skip"
    for layer, head in ((0, 0), (11, 7)):
        x, y = (targets[f"{axis}0"] + at * targets[f"d{axis}"] for axis, at in (("x", head), ("y", layer)))
        assert tile_at(x, y, many.shape) == (layer, head) == tuple(targets["customdata"][layer, head])
    whole = n_tokens // factor
    for layer, head in ((0, 0), (11, 7)):
        x, y = chart["layout"]["xaxis"]["tickvals"][head], chart["layout"]["yaxis"]["tickvals"][layer]
        left, top = (round((at - (n_tokens - 1) / 2) / factor) for at in (x, y))
        pooled = many[layer, head, : whole * factor, : whole * factor].reshape(whole, factor, whole, factor).max((1, 3))
        assert np.abs(trace["z"][top : top + whole, left : left + whole] / 255 - pooled).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("n_tokens", [5, 32])
def test_a_tile_tells_what_its_head_looks_at(n_tokens: int) -> None:
    many, looks = patterns(4, 4, n_tokens), [[f"looks at {i}{j}" if i != j else "" for j in range(4)] for i in range(4)]
    assert (many.size <= TILE_CELLS) == (n_tokens == 5)
    chart = tiles(many, looks=looks)
    told = chart["data"][-1]
    assert told["hovertemplate"].endswith("%{text}<extra></extra>")
    for row, (places, lines) in enumerate(zip(told["customdata"], told["text"], strict=True)):
        for column, ((layer, head), line) in enumerate(zip(places, lines, strict=True)):
            assert line == ("" if layer == head else f"<br>looks at {layer}{head}"), (row, column)
    assert n_tokens != 5 or "text" not in tiles(many)["data"][0], "nothing to tell, nothing sent"


def test_a_cell_of_a_tile_is_told_by_its_tokens_and_no_tick_takes_its_name() -> None:
    many = patterns(2, 3, 5)
    chart = tiles(many, tokens=HOSTILE, hover="{layer}.{head}: {query} > {key} = {value}")
    layout, trace = chart["layout"], chart["data"][0]
    assert "%{y} > %{x} = %{z" in trace["hovertemplate"]
    for axis, n in (("xaxis", 3), ("yaxis", 2)):
        names, spread = layout[axis]["labelalias"], np.ptp(layout[axis]["range"])
        for tile in range(n):
            for i, token in enumerate(HOSTILE):
                assert names[str(tile * 6 + i)] == literal(short(token))
        cells = np.arange(6 * n)[:, None]
        assert np.abs(cells - layout[axis]["tickvals"]).min() > spread / 1e4, (
            "as near as Plotly takes a cell for a tick"
        )


def test_broken_weights_are_tiles_without_weight() -> None:
    many = patterns(4, 4, 32)
    many[1, 2] = np.nan
    assert not tiles(many)["data"][0]["z"][35:67, 70:102].any()


@pytest.mark.parametrize("n_tokens", [3, 20])
def test_layers_of_a_deep_model_lie_side_by_side(n_tokens: int) -> None:
    many = patterns(30, 9, n_tokens)
    looks = [[f"{layer}.{head}" for head in range(9)] for layer in range(30)]
    chart = tiles(many, chosen=(17, 2), ablated={(29, 8)}, looks=looks, layer_prefix="")
    assert grid(many.shape) == (15, 19) and grid((13, 12)) == (13, 12) and grid((12, 1)) == (12, 1)
    step = round(chart["layout"]["xaxis"]["tickvals"][1] - chart["layout"]["xaxis"]["tickvals"][0])
    told = chart["data"][0 if n_tokens == 3 else 1]
    for layer, head in ((0, 0), (14, 8), (15, 0), (17, 2), (29, 8)):
        row, column = layer % 15, layer // 15 * 10 + head
        assert tile_at(column * step, row * step, many.shape) == (layer, head)
        there = (row * step, column * step) if n_tokens == 3 else (row, column)
        assert told["customdata"][there].tolist() == [layer, head]
        assert told["text"][there[0]][there[1]] == f"<br>{layer}.{head}"
        if n_tokens == 3:
            z = np.asarray(chart["data"][0]["z"])
            assert np.array_equal(z[row * step : row * step + 3, column * step : column * step + 3], many[layer, head])
            assert place_of((layer, head, 2, 1), many.shape) == (row * step + 2, column * step + 1)
    assert tile_at(9 * step, 0, many.shape) is None, "between the two columns of layers"
    assert chart["layout"]["yaxis"]["ticktext"][2] == "<b>2 · 17</b>"
    assert chart["layout"]["xaxis"]["ticktext"].count("<b>H2</b>") == 1
    assert tiles(patterns(31, 9, 3))["layout"]["yaxis"]["ticktext"][-1] == "L15"
    assert tile_at(10 * step, 15 * step, (31, 9, n_tokens, n_tokens)) is None, "no thirty-second layer"
    go.Figure(theme.resolve(chart, "light"))


def test_ablated_tiles_are_crossed_out_in_one_path() -> None:
    shapes = tiles(patterns(2, 3, 5), ablated={(0, 1), (1, 1)})["layout"]["shapes"]
    assert [shape["path"].count("M") for shape in shapes] == [6, 2, 4]


# Fibres and their flat twin


def curves_in(chart: dict) -> int:
    """Curves of a fibres figure: each core has one of the narrow traces, so count the distinct ones."""
    seen = set()
    for trace in masked(chart)["data"][1:]:
        if trace["mode"] == "lines":
            places = np.stack([trace["x"], trace["y"], trace["z"]], 1)
            ends = np.flatnonzero(np.isnan(places[:, 0]))
            starts = np.concatenate([[0], ends[:-1] + 1])
            seen |= {places[a:b].tobytes() for a, b in zip(starts, ends, strict=True) if b - a > 2}
    return len(seen)


@pytest.mark.parametrize(
    ("n_layers", "n_heads", "n_tokens"),
    [(1, 1, 5), (4, 4, 8), (12, 12, 32), (12, 16, 64), (1, 16, 5), (1, 8, 6), (1, 1, 1)],
)
def test_fibres_stay_within_their_bounds(n_layers: int, n_heads: int, n_tokens: int) -> None:
    many = patterns(n_layers, n_heads, n_tokens)
    chart = fibres(many, WORDS[:n_tokens], threshold=0.05)
    meta = chart["layout"]["meta"]
    assert meta["above"] == (many > 0.05).sum()
    assert meta["drawn"] == min(meta["above"], MAX_CURVES) == curves_in(chart)
    assert len(chart["data"]) <= TRACES + 12
    assert all(
        np.isfinite(value)
        for trace in masked(chart)["data"]
        for value in (np.nanmin(trace["x"]), np.nanmax(trace["z"]))
    )


def test_fibres_obey_threshold_heads_and_layers() -> None:
    many = patterns(3, 4, 6)
    drawn = lambda **how: fibres(many, WORDS[:6], **how)["layout"]["meta"]["drawn"]  # noqa: E731
    assert drawn(threshold=1.0) == 0
    assert drawn(threshold=0.3) == (many > 0.3).sum()
    assert drawn(threshold=0.1, heads=[1]) == (many[:, 1] > 0.1).sum()
    assert drawn(threshold=0.1, layers_lit=2) == (many[:2] > 0.1).sum()
    assert drawn(threshold=0.1, layers_lit=0) == 0


@pytest.mark.parametrize("focus", [None, 2])
def test_fibres_are_those_that_some_number_of_lit_layers_draws(focus, monkeypatch) -> None:
    """Of each number of layers the heaviest that fit, those at the focus first; each once, and in that order."""
    monkeypatch.setattr("plots.fibres.MAX_CURVES", 7)
    many = np.round(patterns(4, 3, 6), 1)  # many weigh the same

    def first(place: tuple[int, ...]) -> tuple:
        return focus is not None and focus not in place[2:], -many[place]

    expected: set[tuple[int, ...]] = set()
    for lit in range(1, 5):
        over = sorted((place for place in np.ndindex(many[:lit].shape) if many[place] > 0), key=first)
        sides = [[p for p in over if focus is None or (focus in p[2:]) == side] for side in (True, False)]
        expected |= {place for side in sides[: 1 if focus is None else 2] for place in side[:7]}
    for layers in (many, [*many]):
        edges, weights = _candidates(layers, greatest_looks(layers), focus)
        columns = np.unravel_index(edges, many.shape)
        found = [*zip(*(column.tolist() for column in columns), strict=True)]
        assert {*found} == expected and found == sorted(expected, key=lambda place: (*first(place), place))
        assert np.array_equal(weights, many[columns])
        alike = [to_json(fibres(a, WORDS[:6], threshold=0.2, focus=focus, layers_lit=3)) for a in (many, layers)]
        assert alike[0] == alike[1]


def test_fibres_are_the_same_to_whoever_knows_the_greatest_looks() -> None:
    """Of all heads or some, and where some weights are no numbers."""
    for many in (patterns(3, 4, 6), np.where(patterns(3, 4, 6) > 0.4, np.nan, patterns(3, 4, 6))):
        for heads in (None, [1, 3], [0]):
            known = fibres(many, WORDS[:6], heads=heads, tops=greatest_looks(many))
            assert to_json(known) == to_json(fibres(many, WORDS[:6], heads=heads))
            shown = np.nan_to_num(many)[:, slice(None) if heads is None else heads]
            assert known["layout"]["meta"]["above"] == (shown > 0.05).sum()


@pytest.mark.parametrize("most", [1, 3, 7])
def test_the_heaviest_are_those_that_come_first_in_order_and_those_alike(most) -> None:
    for weights in (np.array([0.5, 0.1, 0.5, 0.9, 0.5, 0.0]), np.arange(20.0), np.ones(9), np.zeros(0)):
        found = weights[heaviest(weights, most)]
        last = sorted(weights, reverse=True)[:most][-1:]
        assert sorted(found) == sorted(w for w in weights if w >= last[0]) if last else not len(found)


def test_a_trace_of_fibres_keeps_its_name_while_others_come_and_go() -> None:
    many = patterns(3, 4, 6)
    charts = [masked(fibres(many, WORDS[:6], threshold=at)) for at in (0.05, 0.9)]
    lines = [{t["uid"]: t for t in chart["data"]} for chart in charts]
    for chart, named in zip(charts, lines, strict=True):
        assert len(named) == len(chart["data"]), "each has a name of its own"
        assert all(re.fullmatch("[a-z0-9-]+", name) for name in named), "Plotly makes selectors of them"
    both = lines[0].keys() & lines[1].keys()
    assert {"planes", "beads", "halo-0"} < both and len(both) < len(lines[0])
    assert all(lines[0][name]["line"] == lines[1][name]["line"] for name in ("planes", "beads"))


def test_a_fibre_runs_from_key_to_query() -> None:
    one = np.zeros((2, 1, 4, 4), np.float32)
    one[1, 0, 3, 1] = 0.9  # in layer 1, token 3 looks at token 1
    chart = fibres(one, WORDS[:4])
    core = next(t for t in chart["data"][1:] if t["mode"] == "lines")
    nodes = chart["data"][-1]
    assert core["x"][0] == pytest.approx(nodes["x"][1]) and core["x"][-2] == pytest.approx(nodes["x"][4 + 3])
    assert core["z"][0] == pytest.approx(0) and core["z"][-2] == pytest.approx(nodes["z"][-1])
    assert np.isnan(core["x"][-1])


def test_heavier_fibres_are_wider_and_brighter() -> None:
    def core(weight: float) -> dict:
        return fibres(np.full((1, 1, 1, 1), weight, np.float32), ["a"])["data"][1]["line"]

    thin, thick = core(0.1), core(0.9)
    assert thick["width"] > thin["width"]
    assert sum(map(int, re.findall(r"\d+(?=,)", thick["color"]))) > sum(
        map(int, re.findall(r"\d+(?=,)", thin["color"]))
    )


def test_focus_leaves_the_rest_dim() -> None:
    many = patterns(2, 2, 6)
    dim = masked(fibres(many, WORDS[:6], threshold=0.1, focus=2))["data"][1]
    touching = np.zeros_like(many, bool)
    touching[:, :, 2], touching[:, :, :, 2] = True, True
    assert np.isnan(dim["x"]).sum() == ((many > 0.1) & ~touching).sum()


@pytest.mark.parametrize("focus", [None, 2])
@pytest.mark.parametrize(("n_layers", "n_tokens"), [(1, 5), (3, 12), (4, 32)])
def test_a_mask_leaves_what_every_stop_of_its_knobs_draws(n_layers: int, n_tokens: int, focus: int | None) -> None:
    many = patterns(n_layers, 3, n_tokens)
    whole = fibres(many, WORDS[:n_tokens], focus=focus)
    mask = whole["layout"]["meta"]["mask"]
    for threshold, lit in product((0.0, 0.01, 0.05, 0.3, 1.0), range(n_layers + 1)):
        layer, head, query, key = np.nonzero(many[:lit] > threshold)
        touched = (query == focus) | (key == focus) if focus is not None else np.ones(len(query), bool)
        weight = many[layer, head, query, key]
        strongest = weight[np.lexsort((-weight, ~touched))][:MAX_CURVES]
        turned = mask | {"at": {"threshold": threshold, "lit": lit}}
        assert mask["weight"][kept(turned)].tolist() == strongest.tolist(), (threshold, lit)
        there = fibres(many, WORDS[:n_tokens], focus=focus, threshold=threshold, layers_lit=lit)["layout"]["meta"]
        assert there["drawn"] == len(strongest) and there["above"] == len(weight)
        assert there["mask"]["of"] == mask["of"], "nothing else depends on them"
    assert fibres(many, WORDS[:n_tokens], focus=0)["layout"]["meta"]["mask"]["of"] != mask["of"]


def test_a_flat_picture_holds_what_any_threshold_draws() -> None:
    many = patterns(1, 3, 32)[0]
    wholes = [bipartite(many, WORDS[:32], focus=4, turns=True, threshold=at) for at in (0.0, 0.02, 0.2, 1.0)]
    assert len({whole["layout"]["meta"]["mask"]["of"] for whole in wholes}) == 1
    for whole, at in zip(wholes, (0.0, 0.02, 0.2, 1.0), strict=True):
        still = masked(bipartite(many, WORDS[:32], focus=4, threshold=at))
        assert to_json(masked(whole)) == to_json(still)
        assert len(still["data"][0]["x"]) == len(still["data"][0]["hovertext"]) <= flat_plot.TOLD


def test_without_our_component_a_figure_is_drawn_masked() -> None:
    whole = fibres(patterns(2, 2, 6), WORDS[:6], threshold=0.2, layers_lit=1)
    assert plain(to_json(whole)) == json.loads(to_json(masked(whole)))
    assert "mask" not in plain(to_json(whole))["layout"]["meta"]
    assert plain(to_json(FIGURES["probability"])) == json.loads(to_json(FIGURES["probability"]))


def test_nodes_can_be_clicked() -> None:
    node = FIGURES["fibres"]["data"][-1]
    assert node["customdata"].tolist() == [0, 1, 2, 3, 4] * 2 and node["hovertext"][3] == "tem"


def test_the_flat_twin_draws_what_is_above_the_threshold() -> None:
    many = patterns(1, 3, 6)[0]
    chart = bipartite(many, WORDS[:6], threshold=0.2)
    assert sum(s["path"].count("M") for s in chart["layout"]["shapes"]) == (many > 0.2).sum()
    assert len(chart["data"][0]["hovertext"]) == chart["layout"]["meta"]["drawn"] == (many > 0.2).sum()
    wide = bipartite(patterns(1, 16, 64, causal=False)[0], WORDS, threshold=0.001)["layout"]
    assert wide["meta"]["drawn"] == flat_plot.MAX_CURVES and len(wide["shapes"]) <= 50


def test_the_flat_twin_tells_the_focus_exactly() -> None:
    _, left, right = FIGURES["flat focused"]["data"]
    assert right["text"][3] == "<b>0.31</b>  tem" and right["text"][0] == "<b>0.12</b>  Os"
    assert left["text"][4] == "joelho  <b>0.21</b>"
    assert right["textfont"]["color"].count("@text") == 1
    told = bipartite(PATTERN[None], PENGUINS, focus=3)["data"][0]["hovertext"]
    assert "tem → tem · H0: 0.3137" in told and len(told) == 9
    comma = bipartite(PATTERN[None], PENGUINS, focus=3, comma=True)["data"]
    assert comma[2]["text"][3] == "<b>0,31</b>  tem" and "tem → tem · H0: 0,3137" in comma[0]["hovertext"]


# Drift, growth, bars


def test_drift_begins_and_ends_where_the_words_do() -> None:
    flat_ = FIGURES["drift"]
    start, end = flat_["data"][-2:]
    assert np.array_equal(start["x"], PATHS[0, :, 0]) and np.array_equal(end["y"], PATHS[2, :, 1])
    line = flat_["data"][0]
    assert (line["x"][0], line["x"][-2]) == (PATHS[0, 0, 0], PATHS[2, 0, 0])
    solid = FIGURES["drift 3-D"]["data"][-1]
    assert np.array_equal(solid["z"], PATHS[3, :, 2])


def test_drift_passes_through_every_stage() -> None:
    line = FIGURES["drift 3-D"]["data"][2]
    way = np.stack([line[axis] for axis in "xyz"], 1)
    for stage in PATHS[:, 2]:
        assert np.abs(way - stage).sum(1)[:-1].min() < 1e-6


def test_drift_s_lines_hold_where_numbers_explode() -> None:
    paths = PATHS[..., :2] * np.array([1, 1e10, 1e22, 1e30]).reshape(-1, 1, 1).astype(np.float32)
    line = drift(paths, PENGUINS, stage_names=list("0123"), axis_titles=["a", "b"])["data"][0]
    assert (
        np.isfinite(np.split(line["x"], np.flatnonzero(np.isnan(line["x"])))[0]).all()
        and np.isnan(line["x"]).sum() == 1
    )


def test_the_slider_of_drift_moves_no_axis() -> None:
    names = {"stage_names": list("0123"), "axis_titles": ["a", "b"]}
    ranges = [drift(PATHS[..., :2], PENGUINS, stage=s, **names)["layout"]["xaxis"]["range"] for s in range(4)]
    assert all(r == ranges[0] for r in ranges)
    assert ranges[0][0] < PATHS[..., 0].min() and ranges[0][1] > PATHS[..., 0].max()
    assert FIGURES["drift"]["layout"]["yaxis"]["scaleanchor"] == "x"


def test_words_in_one_place_are_named_apart() -> None:
    still = np.zeros((1, 4, 2), np.float32)
    end = drift(still, ["Os", "Os", "a", "b"], stage_names=["x"], axis_titles=["a", "b"])["data"][-1]
    assert len(set(end["textposition"])) == 4 and end["text"] == ["Os", "Os", "a", "b"]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("canvas", CANVASES)
def test_names_of_drift_stand_apart_on_a_wide_picture_and_on_a_phone(seed: int, canvas: tuple[int, int]) -> None:
    paths = np.random.default_rng(seed).normal(size=(2, 5, 2)).astype(np.float32) * np.array([[[1]], [[0.25]]])
    chart = drift(paths, PENGUINS, stage_names=["x", "y"], axis_titles=["a", "b"])
    end, layout = chart["data"][-1], chart["layout"]
    spans = [np.ptp(layout[axis]["range"]) for axis in ("xaxis", "yaxis")]
    scale = min(px / span for px, span in zip(canvas, spans, strict=True))
    boxes = [
        name_box(scale * x, -scale * y, *named)
        for x, y, *named in zip(end["x"], end["y"], end["text"], end["textposition"], strict=True)
    ]
    for (left, top, right, bottom), (left_, top_, right_, bottom_) in combinations(boxes, 2):
        assert right <= left_ or right_ <= left or bottom <= top_ or bottom_ <= top


def name_box(x: float, y: float, token: str, position: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a name as Plotly writes it beside a marker of 11 px."""
    vertical, horizontal = position.split()
    width = label_width([token], theme.FONT_SIZE + 1)
    left = x + {"left": -width - 8, "center": -width / 2, "right": 8}[horizontal]
    top = y + {"top": -LINE_HEIGHT - 8, "middle": -LINE_HEIGHT / 2, "bottom": 8}[vertical]
    return left, top, left + width, top + LINE_HEIGHT


@pytest.mark.parametrize("n, least", [(20, 8), (64, 3)])
@pytest.mark.parametrize("canvas", CANVASES)
def test_of_many_words_only_those_are_named_that_cover_no_point(n: int, least: int, canvas: tuple[int, int]) -> None:
    crowd = np.random.default_rng(2).normal(size=(2, n, 2))
    chart = drift(crowd, WORDS[:n], stage_names=["x", "y"], axis_titles=["a", "b"])
    start, end = chart["data"][-2:]
    spans = [np.ptp(chart["layout"][axis]["range"]) for axis in ("xaxis", "yaxis")]
    scale = min(px / span for px, span in zip(canvas, spans, strict=True))
    assert least <= sum(map(bool, end["text"])) < n
    x, y = scale * np.append(start["x"], end["x"]), -scale * np.append(start["y"], end["y"])
    for i in np.flatnonzero(end["text"]):
        left, top, right, bottom = name_box(x[n + i], y[n + i], end["text"][i], end["textposition"][i])
        assert not ((left < x) & (x < right) & (top < y) & (y < bottom)).any()


@pytest.mark.parametrize("n", [3, 16, 60])
def test_what_is_under_a_name_is_counted_dot_by_dot(n: int) -> None:
    """And of a crowd the names are those that are found one by one."""
    rng = np.random.default_rng(n)
    ways = [rng.normal(0, 150, (4, n, 2)) for _ in CANVASES]
    boxes = np.stack([_boxes(way[-1], rng.uniform(20, 70, n)) for way in ways])
    for crowd, near, way in product((False, True), boxes, ways):
        left, top, right, bottom = (side[..., None] for side in np.moveaxis(near, 2, 0))
        air = RADIUS if crowd else 0
        expected = np.zeros(near.shape[:2])
        for dots, weight in (*([] if crowd else [(_smooth(way), 40)]), (way[0], 40), (way[-1], 400)):
            x, y = dots.reshape(-1, 2).T
            under = (x > left - air) & (x < right + air) & (y > top - air) & (y < bottom + air)
            expected += weight * under.sum(2)
        assert np.array_equal(_in_the_way(near, way, crowd), expected)
    free = rng.random(boxes.shape[1:3]) < 0.4
    expected_shown: dict[int, int] = {}
    for i, place in np.argwhere(free).tolist():
        others = boxes[:, [*expected_shown], [*expected_shown.values()]]
        covered = sum(_overlap(box[None], some).sum() for box, some in zip(boxes[:, i, place], others, strict=True))
        if i not in expected_shown and not covered:
            expected_shown[i] = place
    assert _free(boxes, free) == expected_shown


def test_points_that_coincide_are_not_magnified() -> None:
    """A word alone is where it is but for rounding: no axis counts in billionths."""
    alone = np.full((2, 1, 2), 3.0, np.float32) + np.array([[[0.0]], [[1e-7]]], np.float32)
    layout = drift(alone, ["sim"], stage_names=["x", "y"], axis_titles=["a", "b"])["layout"]
    assert all(np.ptp(layout[axis]["range"]) > 1 for axis in ("xaxis", "yaxis"))


def test_names_under_a_curve_are_level_or_upright_and_never_slanted() -> None:
    x = np.arange(5)
    below = {}
    for width in (600, 240):
        layout = curves(x, {"a": x}, chosen="a", points=(x, x), tokens=PENGUINS, marked=3, width=width)["layout"]
        below[layout["xaxis"]["tickangle"]] = layout["margin"]["b"]
    assert below.keys() == {0, -90} and below[-90] > label_width(PENGUINS)


def test_names_with_little_room_are_smaller_and_with_less_there_are_none() -> None:
    few = [ticks(PENGUINS, room=room) for room in (40, 14, 11, 9)]
    sizes = [axis.get("tickfont", {}).get("size", theme.FONT_SIZE) for axis in few[:3]]
    assert sizes[0] == theme.FONT_SIZE > sizes[1] > sizes[2] >= 8
    assert [axis.get("showticklabels", True) for axis in few] == [True, True, True, False]
    low = heatmap(PATTERN, PENGUINS, PENGUINS, height=120)["layout"]["yaxis"]
    assert low["tickfont"]["size"] < theme.FONT_SIZE and "tickfont" not in heatmap(PATTERN, PENGUINS)["layout"]["yaxis"]


@pytest.mark.parametrize("n", [1, 2, 9, 20, 64])
def test_an_axis_says_its_type_and_names_all_of_its_places_or_none(n: int) -> None:
    tokens = (PENGUINS * 13)[:n]
    x, square, shares = np.arange(n), np.eye(n, dtype=np.float32), np.full(n, 1 / n)
    work = np.full(n, 1e6)
    figures = FIGURES | {
        "heatmap": heatmap(square, tokens, tokens),
        "numbers": heatmap(square, tokens),
        "curves": curves(x, {"a": x}, chosen="a", points=(x, x), tokens=tokens, marked=0),
        "bars": token_shares(shares, tokens),
        "grouped": grouped(np.stack([shares] * 2), tokens, ["a", "b"], roles=("@query", "@key")),
        "choices": candidates(tokens, shares, shares, shares > 0, [""] * n, chosen=0),
        "losses": losses(shares, tokens, mean=1.0, ceiling=2.0),
        "ledger": kv_cache(x, x + 1, tokens, work, work, chosen=0),
        "lens": lens(square, [tokens] * n, square > 0, tokens, [str(i) for i in range(n)]),
        "growth": magnitudes(x + 1.0, tokens, tokens),
        "rugs": rugs({"a": x, "b": x}),
        "marks": head_map(square, [tokens] * n),
        "errors": gradient_errors(shares, tokens, tokens, good=1e-4, good_name="a", bad_name="b"),
        "runs": training_curves.training_curves([training_curves.Curve(x, shares, "a", "@query")], moment=0),
        "flat": bipartite(square[None], tokens),
    }
    for name, figure in figures.items():
        for key, axis in figure["layout"].items():
            if key.startswith(("xaxis", "yaxis")) and axis.get("visible", True):
                assert axis.get("type") in ("linear", "log"), (name, key)
                assert "categoryarray" not in axis
                if "ticktext" in axis:
                    assert len(axis["ticktext"]) == len(axis["tickvals"]) and axis["tickmode"] == "array", (name, key)


def test_an_error_that_is_no_number_is_seen_and_right_for_nobody() -> None:
    figure = gradient_errors(
        np.array([0, 1e-6, np.nan, 1.5]), [*"abcd"], [*"wxyz"], good=1e-4, good_name="", bad_name=""
    )
    right, wrong = figure["data"]
    assert right["y"].tolist() == [0, 1] and wrong["y"].tolist() == [2, 3]
    low, high = figure["layout"]["xaxis"]["range"]
    assert low < right["x"][0] and wrong["x"][1] < wrong["x"][0] < high, "it stands above all others, on the axis"
    assert [text for _, text in wrong["customdata"]] == ["y", "z"]


def test_growth_and_bars_hold_their_arrays() -> None:
    line = FIGURES["growth"]
    assert line["data"][0]["y"][2] == 100 and line["layout"]["yaxis"]["type"] == "log", "steep values"
    assert magnitudes(np.array([1.0, 2.0]), ["a", "b"], ["1", "2"])["layout"]["yaxis"]["type"] == "linear"
    bar = FIGURES["bars"]["data"][0]
    assert bar["y"].tolist() == pytest.approx([0.3, 0.2, 0.1, 0.0, 0.4])


def test_the_last_number_of_a_line_that_leaves_float32_stands_at_its_point():
    """They were counted from the end, where there are none: two stood in the middle, which no sentence tells."""
    values = np.array([10.0**i for i in range(7)] + [np.inf, np.nan])
    stages = [f"{i}" for i in range(9)]
    figure = magnitudes(values, stages, [f"{x:.1e} metres" for x in values], width=200)
    written = [i for i, text in enumerate(figure["data"][0]["text"]) if text]
    assert written[-1] == 6 and len(written) < 7 and figure["layout"]["xaxis"]["tickvals"][: len(written)] == written
    under = magnitudes(np.ones(9), stages, ["1"] * 9, beside=values, beside_written=[""] * 9)
    assert np.isnan(under["data"][0]["y"][7:]).all() and np.isfinite(under["layout"]["yaxis"]["range"]).all()
    nowhere = magnitudes(np.full(3, np.nan), stages[:3], ["", "", ""])
    assert nowhere["layout"]["xaxis"]["ticktext"][-1] == "2"


# Colours


def linear(colour: str) -> np.ndarray:
    """#rrggbb -> linear RGB, IEC 61966-2-1."""
    c = np.array(theme.channels(colour)) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's ratio."""
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other))
    return high / low


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB -> OKLab (Ottosson, 2020)."""
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ rgb)


BLINDNESS = {  # Machado, Oliveira and Fernandes (2009), severity 1
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}


def seen(colour: str, blindness: str = "none") -> np.ndarray:
    return oklab(np.clip(BLINDNESS[blindness] @ linear(colour), 0, 1))


def test_both_palettes_have_the_same_tokens() -> None:
    light, dark = theme.PALETTES.values()
    assert light.keys() == dark.keys() >= {"query", "key", "value", "attention", "residual", "gradient", "head15"}
    assert [p for p, _ in light["signed"]] == [p for p, _ in dark["signed"]]
    with pytest.raises(KeyError):
        theme.resolve({"color": "@nothing"}, "light")


def test_resolving_leaves_the_figure_alone() -> None:
    before = json.dumps(strings(FIGURES["probability"]))
    resolved = theme.resolve({"a": "@query/0.35", "b": ["@probability", "email@query"]}, "light")
    assert resolved["a"] == "rgba(40, 103, 228, 0.35)"
    assert resolved["b"] == [theme.LIGHT["probability"], "email@query"]
    theme.resolve(FIGURES["probability"], "dark")
    assert json.dumps(strings(FIGURES["probability"])) == before


@pytest.mark.parametrize("mode", MODES)
def test_colours_stand_out(mode: str) -> None:
    palette = theme.PALETTES[mode]
    for paper in (palette["background"], palette["surface"]):
        for role in ("query", "key", "value", "attention", "residual", "gradient", "text", "muted", "chosen"):
            assert contrast(palette[role], paper) >= (4.5 if paper == palette["background"] else 4.1), (role, paper)
        for head in range(theme.HEADS):
            assert contrast(palette[f"head{head}"], paper) >= 3, head


def test_light_of_the_scene_stands_out() -> None:
    dark = theme.SCENE["background"]
    assert all(contrast(colour, dark) >= 3 for colour in theme.SCENE["heads"])
    assert contrast(theme.SCENE["text"], dark) >= 7 and contrast(theme.SCENE["muted"], dark) >= 4.5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_scales_keep_their_order_for_every_eye(mode: str, blindness: str) -> None:
    palette = theme.PALETTES[mode]
    away = 1 if mode == "dark" else -1  # from the background
    sequential = [away * seen(colour, blindness)[0] for _, colour in palette["probability"]]
    assert np.diff(sequential).min() > 0.04
    signed = np.array([away * seen(colour, blindness)[0] for _, colour in palette["signed"]])
    middle = len(signed) // 2
    assert np.diff(signed[middle:]).min() > 0.02 and np.diff(signed[: middle + 1]).max() < -0.02
    ends = np.linalg.norm(seen(palette["signed"][0][1], blindness) - seen(palette["signed"][-1][1], blindness))
    assert ends > 0.12


@pytest.mark.parametrize("mode", MODES)
def test_scales_are_even_and_begin_at_the_background(mode: str) -> None:
    palette = theme.PALETTES[mode]
    steps = np.diff([seen(colour)[0] for _, colour in palette["probability"]])
    assert np.ptp(steps) < 0.15 * abs(steps).mean()
    zeros = (palette["probability"][0][1], palette["signed"][len(palette["signed"]) // 2][1])
    assert all(contrast(zero, palette["background"]) < 1.1 for zero in zeros)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", ["probability", "signed"])
def test_numbers_are_legible_on_every_cell(mode: str, scale: str) -> None:
    palette = theme.PALETTES[mode]
    stops = np.array([p for p, _ in palette[scale]])
    colours = np.array([theme.channels(c) for _, c in palette[scale]], float)
    for value in np.linspace(-1 if scale == "signed" else 0, 1, 201):
        at = value if scale == "probability" else (value + 1) / 2
        cell = "#" + "".join(f"{round(np.interp(at, stops, channel)):02x}" for channel in colours.T)
        ink = palette["background" if abs(value) > theme.INK_TURNS[scale] else "chosen"]
        assert contrast(ink, cell) >= 3.9, (value, cell)


@pytest.mark.parametrize("mode", MODES)
def test_heads_are_told_apart(mode: str) -> None:
    heads = [theme.PALETTES[mode][f"head{i}"] for i in range(theme.HEADS)]
    apart = lambda a, b, blindness: np.linalg.norm(seen(a, blindness) - seen(b, blindness))  # noqa: E731
    assert min(apart(a, b, "none") for a, b in combinations(heads, 2)) > 0.08
    for blindness in ("protan", "deutan"):
        assert min(apart(a, b, blindness) for a, b in combinations(heads[:6], 2)) > 0.06


@pytest.mark.parametrize("seed", range(5))
def test_a_drift_never_runs_back_on_its_way(seed):
    """Between two stages every coordinate only rises or only falls, and the curve goes through all stages."""
    stages = np.random.default_rng(seed).standard_normal((6, 3, 2)).astype(np.float32)
    curve = drift_module._smooth(stages)
    per = drift_module.SMOOTH
    assert curve.shape == (3, 5 * per + 1, 2) and np.allclose(curve[:, ::per], stages.swapaxes(0, 1), atol=1e-6)
    for i in range(5):
        piece = np.diff(curve[:, i * per : (i + 1) * per + 1], axis=1)
        assert (piece * np.sign(stages[i + 1] - stages[i])[:, None] >= -1e-5).all()
    line = np.linspace(0, 1, 4, dtype=np.float32)[:, None, None] * np.ones((1, 1, 2), np.float32)
    assert np.allclose(np.diff(drift_module._smooth(line), axis=1), 1 / 30, atol=1e-6)


def test_fibres_say_how_wide_a_picture_their_names_need_to_stand_level() -> None:
    few, many = (["a", "bc", "de"], [f"w{i}" for i in range(12)])
    weights = {n: np.full((1, 1, n, n), 1 / n, np.float32) for n in (1, 3, 12)}
    assert fibres(weights[1], ["a"])["layout"]["meta"]["level"] == 0
    level = fibres(weights[12], many)["layout"]["meta"]["level"]
    assert fibres(weights[3], few)["layout"]["meta"]["level"] < level < 640

    def angles(width: float) -> set[int]:
        notes = fibres(weights[12], many, width=width)["layout"]["scene"]["annotations"]
        return {note["textangle"] for note in notes if note.get("name") == "token"}

    assert angles(level + 1) == {0} and angles(level - 1) == {-90}


@pytest.mark.parametrize("height", [150, 200, 330])
def test_the_number_above_the_highest_bar_stands_inside_the_plot(height):
    """A ring around the bar's column goes around it too."""
    for tokens in (["a", "b", "c"], ["a longer name"] * 3):
        figure = token_shares(np.array([0.3, 0.2, 0.0]), tokens, height=height)
        margin, (low, high) = figure["layout"]["margin"], figure["layout"]["yaxis"]["range"]
        above = (height - margin["t"] - margin["b"]) * (1 - 0.3 / (high - low))
        assert figure["data"][0]["texttemplate"] and low == 0 and above > 18


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2, 6, 13, 31])
def test_words_of_a_lens_are_never_wider_than_the_cells_that_say_them(n, seed):
    draw = np.random.default_rng(seed)
    words = [[["a", "b<c", "#257", "penguins", "extraordinary"][i] for i in row] for row in draw.integers(0, 5, (3, n))]
    right = np.array([[word == "#257" for word in row] for row in words])
    figure = lens(draw.random((3, n)), words, right, ["x", "y", "z"], [str(i) for i in range(n)], width=640)
    map_, written = figure["data"]
    every = written["meta"]["words"]
    assert every["columns"] == n and [[html.unescape(word) for word in row] for row in map_["text"]] == words
    for cell in (3, 8, 12, 20, 29, 39, 60, 100, 300):
        for row in range(3):
            end, shown = -0.5, 0
            for i, x in enumerate(every["x"]):
                if every["y"][i] != row or not every["least"][i] <= cell < every["most"][i]:
                    continue
                text = html.unescape(re.sub("</?b>", "", every["text"][i]))
                half = len(text) * 6.8 / cell / 2
                assert x - half >= end - 1e-6, "after the one before, and within the map"
                end, shown = x + half, shown + 1
                cells = range(math.ceil(x - half - 0.5 + 1e-6), math.floor(x + half + 0.5 - 1e-6) + 1)
                for column in cells:
                    whole = words[row][column]
                    assert text == whole or (text[-1] == "…" and whole.startswith(text[:-1]) and len(text) > 3)
                    assert ("<b>" in every["text"][i]) == right[row, column]
            assert end <= n - 0.5 + 1e-6
            assert shown or cell < 6.8 * 4, "where there is room for four letters, something is said"
    first = zip(written["x"].tolist(), written["y"].tolist(), written["text"], strict=True)
    cell = (640 - 130) / n
    assert [*first] == [
        (every["x"][i], every["y"][i], every["text"][i])
        for i in range(len(every["x"]))
        if every["least"][i] <= cell < every["most"][i]
    ]
