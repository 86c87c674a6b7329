"""A click and a number find each other: of every way to say which number stands where, each number is found at its own
place, one stands at its place and at no other, and outside there is none."""

from __future__ import annotations

import numpy as np
import pytest

from pictures.memory import weigh
from pictures.numbers import (
    COLUMN,
    POINT,
    ROW,
    SAME_POINT,
    STROKE,
    Bars,
    Cells,
    Curves,
    Each,
    Lines,
    Pairs,
    Points,
    Steps,
    Strokes,
    Tiles,
    along,
    by_layer,
    cells,
    of_run,
    points,
    standing,
)
from plots.bipartite import told_at

A, B, C = ("a", (0,)), ("b", (1,)), ("c", (2,))


def middle(place: dict) -> tuple[float, float]:
    return (place["x0"] + place["x1"]) / 2, (place["y0"] + place["y1"]) / 2


def is_cell(place: dict, row: int, column: int) -> bool:
    """Whether a place is a cell's: one wide and one high, around it."""
    sides = place["x1"] - place["x0"], place["y1"] - place["y0"]
    return middle(place) == (column, row) and sides == (1, 1)


def test_a_cell_of_a_map() -> None:
    found = cells("x", (7, ROW, COLUMN), (2, 3))
    for row, column in np.ndindex(2, 3):
        number = ("x", (7, row, column))
        for dx, dy in ((0, 0), (0.4, -0.4), (-0.4, 0.4)):
            assert found.at({"x": column + dx, "y": row + dy}) == number
        assert is_cell(found.place(number), row, column)
    outside = [(-1, 0), (0, -1), (3, 0), (0, 2), (None, 0), (0, None)]
    assert not any(found.at({"x": x, "y": y}) for x, y in outside) and found.at({}) is None
    for wrong in (
        ("y", (7, 0, 0)),
        ("x", (6, 0, 0)),
        ("x", (8, 1, 1)),
        ("x", (7, 2, 0)),
        ("x", (7, 0, 3)),
        ("x", (7, 0)),
    ):
        assert found.place(wrong) is None, wrong
    turned = Cells(("x",), (COLUMN, ROW), (2, 3))
    assert turned.at({"x": 2, "y": 1}) == ("x", (2, 1)) and is_cell(turned.place(("x", (2, 1))), 1, 2)


def test_a_map_with_an_array_a_row() -> None:
    found = by_layer("blocks.{}.z", (3, 2))
    assert found.names == ("blocks.0.z", "blocks.1.z", "blocks.2.z") and found.size == (3, 2)
    for row, column in np.ndindex(3, 2):
        number = (f"blocks.{row}.z", (column,))
        assert found.at({"x": column, "y": row}) == number and is_cell(found.place(number), row, column)
    assert found.place(("blocks.3.z", (0,))) is None is found.place(("blocks.1.z", (2,)))
    there = of_run("pinned.", found)
    assert there.at({"x": 1, "y": 2}) == ("pinned.blocks.2.z", (1,)) and there.place(("blocks.0.z", (0,))) is None
    column = cells(["a", "b"], (4,), (2, 1))
    assert column.at({"x": 0, "y": 1}) == ("b", (4,)) and is_cell(column.place(("b", (4,))), 1, 0)
    one = by_layer("blocks.{}.z", (1, 4))
    assert one.at({"x": 3, "y": 0}) == ("blocks.0.z", (3,)) and one.at({"x": 3, "y": 1}) is None


@pytest.mark.parametrize("size", [None, (2, 3)])
def test_a_cell_of_a_tile(size: tuple[int, int] | None) -> None:
    shape = (2, 3, 3, 3)
    found, places = Tiles(shape, "blocks.{}.p", size), {}
    rows, columns = size or shape[2:]
    for layer, head, query, key in np.ndindex(2, 3, rows, columns):
        number = (f"blocks.{layer}.p", (head, query, key))
        x, y = middle(found.place(number))
        assert is_cell(found.place(number), y, x) and found.at({"x": x, "y": y}) == number
        places[x, y] = number
    assert len(places) == 6 * rows * columns, "no two at one place"
    grid = [(x, y) for x in range(-2, 20) for y in range(-2, 20)]
    assert {place for place in grid if found.at({"x": place[0], "y": place[1]})} == {*places}
    assert found.place(("blocks.2.p", (0, 0, 0))) is None is found.place(("x", (0, 0, 0)))
    assert found.at({"x": None, "y": 0}) is None
    deep = Tiles((3, 1, 2, 2), "blocks.{}.p")
    assert deep.at(dict(zip("xy", middle(deep.place(("blocks.2.p", (0, 1, 0)))), strict=True))) == (
        "blocks.2.p",
        (0, 1, 0),
    )


@pytest.mark.parametrize("upright", [False, True])
def test_a_bar(upright: bool) -> None:
    found = Bars((A, None, C), upright)
    for at, number in enumerate((A, None, C)):
        click = {"x": at + 0.3, "y": 0.1} if upright else {"x": 0.1, "y": at + 0.3}
        assert found.at(click) == number
    for at in (-1, 3):
        assert found.at({"x": at, "y": 0} if upright else {"x": 0, "y": at}) is None
    along, across = "xy" if upright else "yx"
    place = found.place(C)
    assert (place[f"{along}0"], place[f"{along}1"]) == (1.5, 2.5)
    assert (place[f"{across}0"], place[f"{across}1"], place[f"{across}ref"]) == (0, 1, "paper")
    assert f"{along}ref" not in place and found.place(B) is None is found.at({"x": None, "y": 0})
    assert Bars((A, B, C), upright).at({"x": None, "y": None}) is None


def test_a_point_of_a_line() -> None:
    found = Lines(((A, None), (B, C)))
    for trace, point in np.ndindex(2, 2):
        number = found.numbers[trace][point]
        assert found.at({"curve": trace, "point": point}) == number
        if number:
            place = found.place(number)
            assert (place["x0"], place["x1"], place["y0"], place["y1"]) == (point - 0.5, point + 0.5, 0, 1)
            assert place["yref"] == "paper"
    for trace, point in ((-1, 0), (2, 0), (0, -1), (1, 2), (None, 0), (0, None), (0, 0.0)):
        assert found.at({"curve": trace, "point": point}) is None
    assert found.place(("d", (0,))) is None


def test_a_step_of_a_run() -> None:
    """Its outline stands at the step, the last place of the index, and not at the point that the trace has there."""
    early, late, other = ("loss", (0,)), ("loss", (40,)), ("held", (7, 2, 40))
    found = Steps(((early, late), (None, other)), 1.5)
    for number, step in ((early, 0), (late, 40), (other, 40)):
        place = found.place(number)
        assert (place["x0"], place["x1"]) == (step - 1.5, step + 1.5)
        assert (place["y0"], place["y1"], place["yref"]) == (0, 1, "paper") and "xref" not in place
    assert found.place(("loss", (20,))) is None and found.at({"curve": 1, "point": 1}) == other


def test_a_stroke_of_a_rug() -> None:
    found = Strokes(((A, B), (C, ("d", (3,)))), ((1.0, 3.0), (-10.0, 10.0)))
    for row, (own, values) in enumerate(zip(found.numbers, found.values, strict=True)):
        reach = max(values) - min(values)
        for number, value in zip(own, values, strict=True):
            place = found.place(number)
            assert middle(place) == pytest.approx((value, 0)) and (place["y0"], place["y1"]) == (-1, 1)
            assert place["x1"] - place["x0"] == pytest.approx(2 * STROKE * reach)
            assert (place["xref"], place["yref"]) == (("x", "y"), ("x2", "y2"))[row]
    assert found.place(("e", (0,))) is None and found.at({"curve": 1, "point": 0}) == C


def test_the_numbers_along_an_axis() -> None:
    """They are told as if each stood there by itself, in a tenth of the memory and less."""
    places = np.array([0, 3, 700])
    each = tuple(("x", (4, int(place))) for place in places)
    found = along("x", (4,), places)
    assert tuple(found) == each and tuple(found[1:]) == each[1:] and found[-1] == each[-1]
    assert [found.index(number) for number in each] == [0, 1, 2]
    assert ("x", (5, 3)) not in found and ("y", (4, 3)) not in found and ("x", (4, 1)) not in found
    values = np.array([0.5, -1.5, 2.25])
    assert [standing([found], [values]).place(number) for number in each] == [
        Strokes((each,), (tuple(values.tolist()),)).place(number) for number in each
    ]
    plane = points(found, values, -values, POINT)
    for number, x in zip(each, values.tolist(), strict=True):
        assert plane.at({"x": x, "y": -x}) == number and middle(plane.place(number)) == pytest.approx((x, -x))
    many = along("x", (4,), np.arange(1536))
    assert weigh(many) < weigh(tuple(many)) / 10


def test_a_cell_of_a_map_of_many_arrays() -> None:
    found = Each(((A, B), (None, C)))
    for row, column in np.ndindex(2, 2):
        number = found.numbers[row][column]
        assert found.at({"x": column, "y": row}) == number
        assert number is None or is_cell(found.place(number), row, column)
    for x, y in ((-1, 0), (0, -1), (2, 0), (0, 2), (None, 0)):
        assert found.at({"x": x, "y": y}) is None
    assert found.place(("d", (0,))) is None


def test_a_point_of_a_plane_and_of_a_scene() -> None:
    plane = points([A, B], np.array([0.1, 0.7]), np.array([0.2, 0.9]), (0.05, 0.25))
    assert plane.at({"x": 0.1, "y": 0.2}) == A and plane.at({"x": 0.7, "y": 0.9}) == B
    for own, (x, y) in ((A, (0.1, 0.2)), (B, (0.7, 0.9))):
        place = plane.place(own)
        assert middle(place) == pytest.approx((x, y))
        assert (place["x1"] - place["x0"], place["y1"] - place["y0"]) == pytest.approx((0.1, 0.5))
        assert plane.at({"x": x + 0.9 * SAME_POINT, "y": y}) == own
        for dx, dy in ((1.1, 0), (0, -1.1), (0.6, 0.6)):
            assert plane.at({"x": x + dx * SAME_POINT, "y": y + dy * SAME_POINT}) is None
    assert plane.at({"x": 0.1}) is None is plane.at({"x": 0.1, "y": None}) and plane.place(C) is None
    assert Points((), ()).at({"x": 0, "y": 0}) is None and Points((A,), ((0.0, 0.0),)).half == POINT
    scene = Points((("p", (4, 0)), ("p", (5, 0))), ((0.0, 1.0, 2.0), (3.0, 4.0, 5.0)), coordinate=True)
    assert (
        scene.at({"x": 3.0, "y": 4.0, "z": 5.0}) == ("p", (5, 0)) and scene.at({"x": 3.0, "y": 4.0, "z": 2.0}) is None
    )
    assert scene.place(("p", (4, 0))) is None, "a scene has no outline"
    flat = Points((("p", (4, 0)), ("p", (5, 0))), ((0.0, 1.0), (3.0, 4.0)), coordinate=True)
    assert flat.place(("p", (5, 1))) == flat.place(("p", (5, 0))) and middle(flat.place(("p", (5, 1)))) == (3, 4)
    one = points([A], np.array([0.5]), np.array([0.5]), POINT)
    assert one.at({"x": 0.5, "y": 0.5}) == A and middle(one.place(A)) == (0.5, 0.5)
    assert all(0 < side < 0.05 for side in POINT), "an outline is a point's, not the plane's"
    assert flat.place(("p", (6, 0))) is None and plane.place(("a", (1,))) is None


def test_a_pair_of_a_plane() -> None:
    across, up = np.arange(9).reshape(3, 3) / 10, np.arange(9).reshape(3, 3) + 1.0
    others = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 1]], bool)
    found = Pairs("x", 2, across, up, others, 1, np.array([True, True, False]), (0.01, 0.3))
    shown = {0: [(0, 0), (2, 0), (2, 1), (2, 2)], 1: [(1, 0), (1, 1)]}
    for trace, pairs in shown.items():
        for point, (query, key) in enumerate(pairs):
            number = ("x", (2, query, key))
            assert found.at({"curve": trace, "point": point}) == number
            place = found.place(number)
            assert middle(place) == pytest.approx((across[query, key], up[query, key]))
            assert (place["x1"] - place["x0"], place["y1"] - place["y0"]) == pytest.approx((0.02, 0.6))
        assert found.at({"curve": trace, "point": len(pairs)}) is None is found.at({"curve": trace, "point": -1})
    assert found.at({"curve": 2, "point": 0}) is None is found.at({"curve": 0, "point": None})
    there = {pair for pairs in shown.values() for pair in pairs}
    for pair in np.ndindex(4, 4):
        assert (found.place(("x", (2, *pair))) is not None) == (pair in there), pair
    for wrong in (("y", (2, 0, 0)), ("x", (1, 0, 0)), ("x", (2, 0)), ("x", (2, 0, 0, 0))):
        assert found.place(wrong) is None


def test_a_curve_between_two_columns() -> None:
    found = Curves("x", 1, (2, 3), True)
    for query, key in np.ndindex(2, 3):
        x, y = (float(one) for one in told_at(np.array(query), np.array(key)))
        number = ("x", (1, query, key))
        assert found.at({"x": x, "y": y}) == number and found.at({"x": x + 2 * SAME_POINT, "y": y}) is None
        assert found.at({"x": x, "y": y - 2 * SAME_POINT}) is None and middle(found.place(number)) == pytest.approx(
            (x, y)
        )
        place = found.place(number)
        assert 0 < place["x1"] - place["x0"] < 0.1 and 0 < place["y1"] - place["y0"] < 1
        assert Curves("x", 1, (2, 3), False).at({"x": x, "y": y}) is None, "the page hears it by itself"
    assert found.at({"x": 0.2, "y": None}) is None is found.at({"y": 0})
    for wrong in (("y", (1, 0, 0)), ("x", (0, 0, 0)), ("x", (1, 0))):
        assert found.place(wrong) is None
