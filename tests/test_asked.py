"""Questions on the pages: asked on their Scene, the answer covered, a guess taken, and the truth shown over it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest
from test_journeys import open_page, settled, wait_for_query

import core
from core import CHECKS, Scene
from pictures import checks as pictures
from pictures.words import LANGUAGES, words_of
from tests.support import fine, html, pressed
from ui.checks.guess import WHOLE, rebalanced
from ui.checks.panel import GUESSES
from ui.state import NOTICES, SCENE

PAGES = Path(__file__).parents[1] / "pages"
EN = words_of("en")
OF_A_KIND = {check.kind: check for check in CHECKS.values() if check.page != "train"}


def page(name: str, **query: str) -> AppTest:
    at = AppTest.from_file(PAGES / f"{name}.py", default_timeout=60)
    at.query_params.update({"lang": "en", **query})
    return fine(at.run())


def has(at: AppTest, key: str) -> bool:
    return any(button.key == key for button in at.button)


def asking(name: str) -> AppTest:
    check = CHECKS[name]
    return page(check.page, check=name, **check.scene.to_query())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_question_has_its_words_and_what_is_said_of_every_answer(lang):
    words = words_of(lang)
    for check in CHECKS.values():
        scene = check.scene
        assert pictures.question(check, scene, words) and words(f"checks.{check.name}.believed")
        assert [pictures.option(check, name, words) for name in check.options if check.kind in ("choose", "order")] or (
            not check.options
        )
        if check.page == "train":
            continue
        right = pictures.told(check, scene, pictures.answer(check.name, scene), words)
        assert right in pictures.verdict(check, scene, None, words) or check.kind == "row"
        for wrong in core.checks.belief_answers(check):
            said = pictures.verdict(check, scene, wrong, words)
            assert said != pictures.verdict(check, scene, pictures.answer(check.name, scene), words)
            assert check.kind == "row" or pictures.told(check, scene, wrong, words) in said


@pytest.mark.parametrize("name", sorted({check.page for check in CHECKS.values()}))
def test_a_page_s_first_questions_lead_to_their_scene_and_close_again(name):
    at = page(name, **({} if name == "train" else {"temperature": "2"}))
    check = next(check for check in CHECKS.values() if check.page == name)
    if name != "train":
        pressed(at, "pin")
    kept = at.session_state[SCENE].pinned
    pressed(at, f"ask-{check.name}")
    assert at.session_state[SCENE] == check.scene.turn(lang="en", pinned=kept, check=check.name)
    assert has(at, "check-show") and bool(check.covers) == ("visibility:hidden" in html(at))
    pressed(at, "check-show")
    assert "visibility:hidden" not in html(at) and EN(f"checks.{check.name}.believed") in html(at)
    pressed(at, "check-close")
    assert not has(at, "check-show") and at.session_state[SCENE].check == ""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_number_is_guessed_and_judged_as_the_language_writes_it(lang):
    words = words_of(lang)
    part = page("attention", check="rows-sum-to-one", lang=lang)
    (guess,) = [slider for slider in part.select_slider if slider.key.startswith("guess-")]
    assert guess.options[1] == words.number(0.02) and len(guess.options) == 101
    check = CHECKS["looks-are-not-mutual"]
    said = pictures.verdict(check, check.scene, 4, words)
    assert said == words("checks.says.number", guess="4", truth="0", distance="4")


def test_figures_that_are_covered_stand_on_the_page():
    for check in CHECKS.values():
        for name in check.covers:
            assert name.startswith(check.page) and (check.page == "drift" or "-" in name)
    at = asking("score-of-zero")
    drawn = b"".join(element.proto.bytes for element in at.get("bidi_component"))
    assert all(f'"{name}"'.encode() in drawn for name in CHECKS["score-of-zero"].covers)


@pytest.mark.parametrize("kind", [*OF_A_KIND])
def test_a_guess_is_committed_and_judged(kind):
    check = OF_A_KIND[kind]
    at, (wrong, *_) = asking(check.name), (*core.checks.belief_answers(check), None)
    assert (at.button(key="check-commit").disabled) == (kind in ("choose", "order", "cell", "head"))
    if kind == "number":
        guess = next(s for s in (*at.slider, *at.select_slider) if s.key and s.key.startswith("guess-"))
        guess.set_value(type(guess.value)(check.scale[1])).run()
        expected = check.scale[1]
    elif kind == "row":
        sliders = [s for s in at.slider if s.key and s.key.startswith("guess-")]
        sliders[0].set_value(60).run()
        shares = [s.value for s in at.slider if s.key and s.key.startswith("guess-")]
        assert shares == [60, 10, 10, 10, 10]
        expected = [share / WHOLE for share in shares]
    elif kind in ("choose", "order"):
        radio = next(r for r in at.radio if r.key.startswith("guess-"))
        radio.set_value(wrong if kind == "choose" else check.options).run()
        expected = wrong if kind == "choose" else check.options
    else:
        for box, place in zip([b for b in at.selectbox if b.key.startswith("guess-")], (0, 1), strict=False):
            box.set_value(place).run()
        expected = (0, 1) if kind == "head" or pictures.truth(check.name, check.scene).ndim == 2 else (3, 0)
    fine(at)
    pressed(at, "check-commit")
    (told,) = at.session_state[GUESSES].values()
    assert told == expected
    assert pictures.verdict(check, check.scene, expected, EN) in html(at).replace("&#x27;", "'")


def test_another_one_like_it_is_another_question_and_the_old_answer_is_kept_apart():
    at = pressed(asking("mask-before-softmax"), "check-show")
    pressed(at, "check-again")
    assert at.session_state[SCENE].seed == 1 and has(at, "check-commit")
    pressed(at, "check-show")
    pressed(at, "check-again")
    assert at.session_state[SCENE].seed == 2


def test_a_question_away_from_its_scene_leads_back_to_it():
    at = page("attention", check="mask-before-softmax")
    assert has(at, "check-back") and "visibility:hidden" not in html(at)
    pressed(at, "check-back")
    assert at.session_state[SCENE].model == "gpt" and has(at, "check-commit")


def test_a_question_that_there_is_not_is_said():
    at = page("attention", check="of-nobody")
    assert at.session_state[SCENE] == Scene(lang="en") and at.session_state[NOTICES][0].value == "of-nobody"
    assert "of-nobody" in html(at) and not has(at, "check-show")


@given(st.lists(st.integers(0, WHOLE), min_size=1, max_size=9), st.integers(0, 8), st.integers(0, WHOLE))
def test_a_row_that_is_painted_always_adds_up(shares, moved, value):
    moved %= len(shares)
    found = rebalanced(shares, moved, value)
    assert sum(found) == WHOLE and min(found) >= 0 and (len(shares) == 1 or found[moved] == value)
    others = [i for i in range(len(shares)) if i != moved]
    before, left = sum(shares[i] for i in others), WHOLE - value
    for i in others:
        exact = left * shares[i] / before if before else left / len(others)
        assert abs(found[i] - exact) < 1


def test_the_scale_shows_guess_and_truth_in_one_measure():
    row, number = CHECKS["score-of-zero"], CHECKS["rows-sum-to-one"]
    bars = pictures.bars(row, row.scene, [1, 0, 0, 0, 0], EN)
    np.testing.assert_allclose([bar[2] for bar in bars], core.answer(row))
    assert [bar[1] for bar in bars] == [1, 0, 0, 0, 0] and bars[0][0] == "“Os”"
    ((_, guess, truth, said),) = pictures.bars(number, number.scene, 0.5, EN)
    assert (guess, truth, said) == (0.25, pytest.approx(0.5), "1.00")
    heads, none = CHECKS["scale-is-the-head-s"], CHECKS["values-choose-nobody"]  # of 1 to 16, 2; of 0 to 25, 0
    for asked, guesses in ((heads, {1: 0, 4: 3 / 15, 16: 1, 99: 1, -3: 0}), (none, {5: 0.2, 30: 1})):
        for value, share in guesses.items():
            ((_, guess, truth, _),) = pictures.bars(asked, asked.scene, value, EN)
            assert (guess, truth) == (pytest.approx(share), pytest.approx(1 / 15 if asked is heads else 0))
    assert pictures.bars(number, number.scene, None, EN)[0][1] is None
    assert 'class="bar unnamed"' in pictures.scale(number, number.scene, None, EN)
    assert pictures.scale(row, row.scene, None, EN).count('<div class="bar"><span>“') == 5
    for painted, marks in (([0.6, 0.4, 0, 0, 0], ["60.0", "40.0", "0.0", "0.0", "0.0"]), (None, [])):
        assert re.findall('class="yours" style="left:([0-9.]+)%', pictures.scale(row, row.scene, painted, EN)) == marks
    shown = pictures.scale(CHECKS["seeing-is-not-why"], CHECKS["seeing-is-not-why"].scene, (0, 1), EN)
    assert shown.count("<i class=") == 16 + 2 and "yours" in shown and "computed" in shown


def test_a_map_outlines_what_was_guessed_and_what_is_meant():
    """A shade a cell, the greatest of all the darkest; of one query's row a place is its key's."""
    guesses = {"mask-hides-later-keys": (1, 3), "weight-is-not-importance": (3, 5), "seeing-is-not-why": (0, 1)}
    for name, yours in guesses.items():
        check = CHECKS[name]
        values, right = np.atleast_2d(pictures.truth(name, check.scene)), core.answer(check)
        for guess in (None, yours):
            shown = pictures.scale(check, check.scene, guess, EN)
            cells = re.findall(r'<i class="([a-z ]*)" style="--shade:(-?[0-9]+)%', shown)
            for kind, place in (("yours", guess), ("computed", right)):
                found = [divmod(at, values.shape[1]) for at, (kinds, _) in enumerate(cells) if kind in kinds.split()]
                assert found == ([(place[0] if len(values) > 1 else 0, place[1])] if place else [])
            shades = [int(shade) for _, shade in cells]
            np.testing.assert_allclose(shades, (100 * values / values.max()).ravel(), atol=0.51)
            assert ('<i class="yours"></i>' in shown) == (guess is not None)
            assert f"--columns:{values.shape[1]}" in shown


def test_what_is_said_of_a_guess_is_of_its_kind_and_what_is_near_enough_is_not_said_to_be_the_number():
    head, number = CHECKS["seeing-is-not-why"], CHECKS["rows-sum-to-one"]
    assert pictures.told(head, head.scene, (1, 3), EN) == EN("checks.place", layer=1, head=3)
    near = EN("checks.says.near", guess="1.01", truth="1.00", distance="0.01")
    assert pictures.verdict(number, number.scene, 1.007, EN) == near != EN("checks.says.right", truth="1.01")
    order, cell = CHECKS["pre-norm-lets-it-grow"], CHECKS["weight-is-not-importance"]
    right = core.answer(order)
    swapped = (right[1], right[0], *right[2:])
    said = {
        "guess": pictures.told(order, order.scene, swapped, EN),
        "truth": pictures.told(order, order.scene, right, EN),
    }
    assert pictures.verdict(order, order.scene, swapped, EN) == EN("checks.says.choose", **said)
    rates = CHECKS["a-rate-too-high"]
    for words, told in (
        (EN, "0.1, then 0.01, then 0.001"),
        (words_of("pt-BR"), "0,1; depois 0,01; depois 0,001"),
    ):
        assert pictures.told(rates, rates.scene, rates.options, words) == told, "no comma of a number joins two of them"
    values, right = core.checks.values(cell, cell.scene), core.answer(cell)
    said = {"guess": pictures.told(cell, cell.scene, (3, 5), EN), "truth": pictures.told(cell, cell.scene, right, EN)}
    place = EN("checks.says.place", **said, had=float(values[5]), most=float(values.max()))
    assert pictures.verdict(cell, cell.scene, (3, 5), EN) == place


@pytest.mark.browser
def test_a_question_is_answered_by_keyboard_on_a_phone(watched, app):
    page = watched.tab(390, 844)
    open_page(page, app, "attention", "lang=en")
    page.locator(".st-key-ask-rows-sum-to-one button").focus()
    page.keyboard.press("Enter")
    wait_for_query(page, check="rows-sum-to-one")
    settled(page)
    panel = page.locator(".st-key-check-panel")
    expect(panel).to_be_in_viewport()
    covered = page.locator("[data-figure=attention-pattern] .fibra-plot")
    expect(covered).not_to_be_visible()
    title = page.locator("[data-figure=attention-cell] .fibra-step").first  # not alone in the void
    expect(title).not_to_be_visible()
    panel.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    panel.locator(".st-key-check-commit button").focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("it is 1.00")
    expect(covered).to_be_visible()
    expect(title).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".st-key-ask-score-of-zero button").click()  # and with a finger: a bar is drawn to three quarters
    wait_for_query(page, check="score-of-zero")
    settled(page)
    track = panel.locator(".track").nth(1)
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, y)
    drawn = panel.locator(".bars output").all_inner_texts()
    asked = page.evaluate("fibraWire.asked")
    page.mouse.up()
    # What a hand has let go is told a moment later: until then the page seems to rest.
    page.wait_for_function("(before) => fibraWire.asked > before", arg=asked)
    settled(page)
    shares = panel.get_by_role("slider").evaluate_all("all => all.map((s) => +(s.value ?? s.ariaValueNow))")
    assert shares == rebalanced([20] * 5, 1, 75) and [f"{share}%" for share in shares] == drawn


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if check.kind == "number"])
def test_a_count_is_said_in_whole_numbers_and_a_measure_as_exactly_as_it_counts(name):
    check, words = CHECKS[name], words_of("en")
    answer = float(core.answer(check))
    text = pictures.told(check, check.scene, answer, words)
    assert abs(float(text.replace("−", "-").replace(",", "")) - answer) <= max(check.tolerance, 1e-9) + 0.005
    assert ("." in text) == (check.tolerance not in (0, 0.5)), "what must be met exactly, or to the nearest, is a count"
    assert check.tolerance or answer == round(answer)
