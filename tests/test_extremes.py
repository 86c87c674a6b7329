"""The greatest and the least of some numbers: ties together, none where all are alike, none among lost numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from pictures import extremes
from pictures.extremes import (
    MANY,
    greatest,
    greatest_if_any,
    greatest_of_parts,
    head_names,
    least,
    least_of_each,
    token_names,
)
from pictures.words import LANGUAGES, words_of

ENGLISH = words_of("en")


def test_what_is_written_alike_is_named_together():
    row = np.array([0.244, 0.236, 0.1, 0.104, 0.3])
    assert greatest(row, ENGLISH.number).indices == [4]
    assert greatest(row[:4], ENGLISH.number).indices == [0, 1] and greatest(row[:4], ENGLISH.number).value == 0.244
    assert least(row, ENGLISH.number).indices == [2, 3] and least(row, ENGLISH.number).value == 0.1


def test_rounding_noise_makes_no_difference():
    x = np.float32(0.245)  # just beside where the last digit turns
    row = np.array([np.nextafter(x, np.float32(0)), x, np.nextafter(x, np.float32(1))])
    assert greatest(row, ENGLISH.number).indices == least(row, ENGLISH.number).indices == [0, 1, 2]


def test_noise_is_as_large_as_the_largest_number_allows_of_whatever_sign():
    """Two that float32 cannot tell apart beside -1000 are alike, and are not alone."""
    row = np.array([2e-4, 3e-4])
    assert greatest(np.append(row, -1000.0), repr).indices == [0, 1] and greatest(row, repr).indices == [1]
    assert least(np.append(-row, 1000.0), repr).indices == [0, 1] and least(-row, repr).indices == [1]


def test_so_is_it_of_parts_whose_least_nobody_knows(monkeypatch):
    monkeypatch.setattr(extremes, "MANY", 1)
    for great, alike in ((-1000.0, 2), (-1.0, 1)):  # beside -1000, float32 cannot tell the two apart
        parts = [np.array([[3e-4, 2e-4], [great, great]]), np.full((2, 2), -1.0)]
        assert len(greatest_of_parts(parts, repr).places) == alike


def test_all_alike_is_no_extreme():
    assert greatest(np.full((2, 3), 0.2), ENGLISH.number).everywhere
    assert len(greatest(np.full((2, 3), 0.2), ENGLISH.number).places) == 6
    assert greatest(np.array([0.5]), ENGLISH.number).everywhere
    assert not greatest(np.array([0.5, 0.6]), ENGLISH.number).everywhere
    assert greatest(np.array([0.001, 0.002]), ENGLISH.number).everywhere  # 0.00 and 0.00
    assert greatest(np.zeros(3), ENGLISH.number).value == 0


def test_of_many_no_more_are_put_in_order_than_it_takes(monkeypatch):
    monkeypatch.setattr(extremes, "TOP", 2)
    values = np.random.default_rng(0).integers(0, 3, (3, 40)).astype(np.float32) / 2
    for sign, find in ((1, greatest), (-1, least)):
        found = find(values, ENGLISH.number)
        assert len(found.places) == (values == (1 if sign > 0 else 0)).sum() > 4 and not found.everywhere
    assert greatest(np.full(50, 0.5), ENGLISH.number).everywhere


def test_lost_numbers_are_none():
    lost = np.array([np.nan, np.inf, -np.inf])
    assert greatest_if_any(lost, ENGLISH.number) is None
    assert greatest_if_any(np.eye(2), ENGLISH.number, np.zeros((2, 2), bool)) is None
    for find in (greatest, least):
        with pytest.raises(ValueError):
            find(lost, ENGLISH.number)
    found = greatest(np.array([np.nan, 0.5, np.inf, 0.2]), ENGLISH.number)
    assert found.indices == [1] and not found.everywhere
    assert greatest(np.eye(3), ENGLISH.number, ~np.eye(3, dtype=bool)).value == 0  # only where it counts


@pytest.mark.parametrize("seed", range(20))
def test_extremes_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    values = rng.choice([1, 30, 1e5]) * rng.random((3, 4)).round(int(rng.integers(1, 4))) - rng.choice([0, 1])
    for find, best in ((greatest, values.max()), (least, values.min())):
        for shown in (ENGLISH.number, lambda x: f"{x:.1e}", lambda x: f"{x:.1%}"):
            alike = {place for place in np.ndindex(3, 4) if shown(values[place]) == shown(best)}
            found = find(values, shown)
            assert {*found.places} == alike and found.value == best and found.everywhere == (len(alike) == 12)


@pytest.mark.parametrize("seed", range(20))
def test_part_by_part_the_greatest_are_the_same(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    values = rng.random((3, 4, 5)).round(int(rng.integers(0, 5))).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = rng.choice([np.nan, np.inf, 1])
    for where in (None, rng.random(values.shape) < 0.7):
        whole = [find(values, ENGLISH.number, where) for find in (greatest, least)]
        monkeypatch.setattr(extremes, "MANY", 10)
        assert whole == [find(values, ENGLISH.number, where) for find in (greatest, least)]
        monkeypatch.undo()


@pytest.mark.parametrize("seed", range(20))
def test_the_least_of_each_row_is_that_row_s_least(seed):
    rng = np.random.default_rng(seed)
    values = rng.random((30, int(rng.integers(1, 9)))).round(int(rng.integers(1, 4))) - rng.choice([0, 1])
    values[rng.random(values.shape) < 0.1] = 0.5
    values[0, 0] += 1e-9
    for shown in (ENGLISH.number, lambda x: f"{x:.1e}", lambda x: ENGLISH.number(x) if x > 0 else "none"):
        assert least_of_each(values, shown) == [least(row, shown) for row in values]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_names(lang):
    words = words_of(lang)
    position = "position" if lang == "en" else "posição"
    tokens = ["o", "gato", "vê", "o", "rato"]
    assert token_names(tokens, [1], words) == "“gato”"
    assert token_names(tokens, [0, 3], words) == f"“o” ({position} 0) {words('and')} “o” ({position} 3)"
    assert token_names(tokens, [3], words, itself=3) == words("attention.reads.itself")
    many = token_names([*"abcdefgh"], range(8), words)
    assert many.startswith("“a”, “b”, “c”, “d” ") and "4" in many and "“e”" not in many
    assert token_names([*"abcde"], range(5), words).count("“") == 5  # "and 1 other" would be longer than its name
    assert head_names([(0, 1), (2, 3)], words).count("3") == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_list_of_choices_calls_a_token_by_its_place_where_there_are_several(lang):
    words, tokens = words_of(lang), ["o", "gato", "o"]
    placed = [words("choice", token="o", place=place) for place in (0, 2)]
    assert extremes.choices(tokens, words) == [placed[0], "gato", placed[1]]
    assert [extremes.choice(tokens, place, words) for place in range(3)] == extremes.choices(tokens, words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_shares_and_numbers_of_any_size_are_written(lang):
    words, point = words_of(lang), "." if lang == "en" else ","
    assert [extremes.percent(words)(x) for x in (0.1234, 1.0, 0.0)] == [f"12{point}3", f"100{point}0", f"0{point}0"]
    assert [extremes.magnitude(x, words) for x in (np.nan, np.inf, -np.inf)] == [""] * 3
    assert extremes.magnitude(12.341, words) == f"12{point}34"


@pytest.mark.parametrize("n", range(1, 9))
def test_of_more_than_five_names_four_are_written_and_the_others_counted(n):
    names = list("abcdefgh")[:n]
    told = extremes.some(names, ENGLISH)
    others = ENGLISH("attention.reads.others", n=n - 4)
    assert told == ENGLISH.several(names if n <= 5 else [*names[:4], others])
    assert n <= 5 or f"{n - 4}" in told


def test_the_greatest_of_parts_is_the_greatest_of_all(monkeypatch) -> None:
    """Whether they are gone through one by one or not; where some is left out, where none is there, where all are."""
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 50, (2, 5, 5)) / 8 for _ in range(3)]
    parts[1][0, 0] = np.nan
    for where in ([np.tri(5, dtype=bool)] * 3, [np.zeros((2, 5, 5), bool)] * 3, [np.ones((2, 5, 5), bool)] * 3):
        spread = [np.broadcast_to(there, (2, 5, 5)) for there in where]
        for some, there, many in product((parts, parts[::2]), (where, spread), (MANY, 10)):
            some = [one - 3 for one in some]  # of both signs
            monkeypatch.setattr(extremes, "MANY", MANY)
            whole = greatest_if_any(np.stack(some), ENGLISH.number, np.stack(spread[: len(some)]))
            monkeypatch.setattr(extremes, "MANY", many)
            assert greatest_of_parts(some, ENGLISH.number, iter(there[: len(some)])) == whole
            shares = greatest_of_parts([one + 3 for one in some], ENGLISH.number, iter(there[: len(some)]), floor=0.0)
            assert (shares and shares.places) == (whole and whole.places)
            tops = [one.max(axis=0) for one in some]
            assert greatest_of_parts(some, ENGLISH.number, iter(there[: len(some)]), -9.0, tops) == whole
    for some in (parts, [part + 1 for part in parts[::2]], [np.full((2, 5, 5), np.nan)] * 2):  # wherever they stand
        for many in (MANY, 10):
            monkeypatch.setattr(extremes, "MANY", many)
            found = greatest_of_parts(some, ENGLISH.number)
            monkeypatch.setattr(extremes, "MANY", MANY)
            assert found == greatest_if_any(np.stack(some), ENGLISH.number)
    alike, there = [np.ones((2, 2))] * 2, [np.ones((2, 2), bool)] * 2
    assert greatest_of_parts(alike, ENGLISH.number, there) == greatest_if_any(np.ones((2, 2, 2)), ENGLISH.number)
