"""Challenges: the score is what the arrays say, the solutions earn three stars, and nothing does with less."""

from __future__ import annotations

import re
from html import unescape
from itertools import combinations, product
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import expect
from test_journeys import settled, wait_for_query

import core
from core.challenges import CHALLENGES, KINDS, build_score, found_stars, score, target
from core.challenges.challenge import next_token, values
from core.errors import CheckError
from pictures import challenges, compute
from pictures.lessons import expanded, shortened
from pictures.words import LANGUAGES, words_of
from tests.support import open_page
from ui.live import alone, bests
from ui.state import SCENE

BUILT = [one for one in CHALLENGES.values() if one.kind == "build"]
CUT = [one for one in CHALLENGES.values() if one.kind == "cut"]
FOUND = [one for one in CHALLENGES.values() if one.kind == "find"]


def named(one) -> str:
    return one.name


def test_there_are_some_of_each_kind():
    assert {one.kind for one in CHALLENGES.values()} == {*KINDS}
    assert {one.goal for one in BUILT} == {"previous", "first", "itself", "equal", "even", "picture"}
    assert all(one.fits(one.scene) and one.fits(one.solution) for one in CHALLENGES.values())


@pytest.mark.parametrize("one", CHALLENGES.values(), ids=named)
def test_a_solution_earns_three_stars_and_the_beginning_none(one):
    before, after = core.run(one.scene), core.run(one.solution)
    assert score(one, before, before).stars == 0
    assert score(one, after, before, [one.solution.place]).stars == 3


@pytest.mark.parametrize("one", BUILT, ids=named)
def test_the_goal_is_a_pattern_and_the_score_the_share_that_agrees(one):
    tokens = one.scene.tokens
    wanted, pattern = target(one, tokens), core.run(one.scene).trace["blocks.0.attn.pattern"][0]
    judged = [row for row in range(len(tokens)) if not np.isnan(wanted[row]).any()]
    np.testing.assert_allclose(wanted[judged].sum(1), 1)
    assert len(judged) == len(tokens) - (one.goal == "previous")
    common = np.mean([np.minimum(pattern[row], wanted[row]).sum() for row in judged])  # the same by another formula
    assert build_score(pattern, wanted) == pytest.approx(common, abs=1e-6)
    assert build_score(np.where(np.isnan(wanted), 1, wanted), wanted) == 1
    assert build_score(np.full_like(pattern, np.nan), wanted) == 0
    assert list(one.stars) == sorted(one.stars) and len(one.stars) == 3


GOALS = {
    "evenly": ("Every word gives all the same attention.", "Cada palavra dá a todas a mesma atenção."),
    "the-first": ("Every word looks at “Os” alone.", "Cada palavra olha só para “Os”."),
    "itself": ("Every word looks at itself alone.", "Cada palavra olha só para si mesma."),
    "equal-words": (
        "“pinguins” (position 0) and “pinguins” (position 2) look at "
        "“pinguins” (position 0) and “pinguins” (position 2) equally; "
        "“não” (position 1) and “não” (position 3) look at “não” (position 1) and “não” (position 3) equally; "
        "“tem” looks at “tem” alone.",
        "“pinguins” (posição 0) e “pinguins” (posição 2) olham por igual para "
        "“pinguins” (posição 0) e “pinguins” (posição 2); "
        "“não” (posição 1) e “não” (posição 3) olham por igual para “não” (posição 1) e “não” (posição 3); "
        "“tem” olha só para “tem”.",
    ),
    "draw-a-cross": (
        "“Os” and “joelho” look at “Os” and “joelho” equally; "
        "“pinguins” and “tem” look at “pinguins” and “tem” equally; “não” looks at “não” alone.",
        "“Os” e “joelho” olham por igual para “Os” e “joelho”; "
        "“pinguins” e “tem” olham por igual para “pinguins” e “tem”; “não” olha só para “não”.",
    ),
    "before-by-matrices": (
        "“Os” may look anywhere; “pinguins” looks at “Os” alone; “não” looks at “pinguins” alone; "
        "“tem” looks at “não” alone; “joelho” looks at “tem” alone.",
        "“Os” pode olhar para onde quiser; “pinguins” olha só para “Os”; “não” olha só para “pinguins”; "
        "“tem” olha só para “não”; “joelho” olha só para “tem”.",
    ),
}
GOALS |= {"first-by-matrices": GOALS["the-first"], "the-one-before": GOALS["before-by-matrices"]}


@pytest.mark.parametrize("one", BUILT, ids=named)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_wanted_is_said_from_the_pattern_and_the_task_stands_on_the_page_once(one, lang):
    words = words_of(lang)
    says = challenges.wanted(one, one.scene, words).says
    assert says != words(f"challenges.{one.name}.task")
    assert says == GOALS[one.name][lang == "pt-BR"]
    rows = target(one, one.scene.tokens)
    assert all(len({*row[row > 0]}) <= 1 for row in rows), "whom a word looks at, it looks at equally"


def test_equal_words_look_at_one_another():
    wanted = target(CHALLENGES["equal-words"], ("a", "b", "a"))
    np.testing.assert_array_equal(wanted, [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])


@pytest.mark.parametrize("one", CUT, ids=named)
def test_fewer_heads_do_not_change_the_answer_and_more_cost_stars(one):
    before = core.run(one.scene)
    heads = [*product(range(before.config.n_layers), range(before.config.n_heads))]
    for fewer in range(one.fewest):
        for off in combinations(heads, fewer):
            assert next_token(core.run(one.scene.turn(ablated=off))) == next_token(before), off
    assert len(one.solution.ablated) == one.fewest
    enough = [
        off
        for off in combinations(heads, one.fewest)
        if next_token(core.run(one.scene.turn(ablated=off))) != next_token(before)
    ]
    assert enough == [one.solution.ablated], "its reason says that nothing else of this size does"
    stars = [core.challenges.challenge.cut_stars(True, off, one.fewest) for off in range(one.fewest, one.fewest + 4)]
    assert stars == [3, 2, 1, 1] and core.challenges.challenge.cut_stars(False, 1, 1) == 0


@pytest.mark.parametrize("one", [one for one in CHALLENGES.values() if one.kind == "sever"], ids=named)
def test_no_fewer_fibres_change_the_answer(one):
    scene, c, n = one.scene, one.scene.config, len(one.scene.tokens)
    before = core.run(scene)
    every = [edge for edge in np.ndindex(c.n_layers, c.n_heads, n, n) if scene.can_cut(edge)]

    def changes(cut: tuple) -> bool:
        run = core.run(scene.turn(cut=cut), before.params, names=["logits"])
        return len(run.scene.cut) == len(cut) and next_token(run) != next_token(before)

    for fewer in range(one.fewest):
        assert not any(map(changes, combinations(every, fewer)))
    enough = [cut for cut in combinations(every, one.fewest) if changes(cut)]
    assert one.solution.cut in enough and len(one.solution.cut) == one.fewest
    common = set(enough[0]).intersection(*enough)  # what its reason names
    assert common == {(1, 2, 1, 0) if one.fewest == 1 else (1, 0, 1, 0)} and (one.fewest > 1) == (len(enough) > 1)


@pytest.mark.parametrize("one", FOUND, ids=named)
def test_a_head_is_found_by_its_array_clearly(one):
    run = compute.run(one.scene)
    found = values(one, run)
    first, second = np.sort(found, axis=None)[[-1, -2]]
    assert found.shape == (run.config.n_layers, run.config.n_heads) and first > 1.1 * second
    assert np.unravel_index(found.argmax(), found.shape) == one.solution.place
    if one.goal == "previous":
        patterns = [run.trace[f"blocks.{i}.attn.pattern"] for i in range(run.config.n_layers)]
        before = [[head.diagonal(-1)[0:].mean() for head in layer] for layer in patterns]
        np.testing.assert_allclose(found, before, atol=1e-6)


def test_each_wrong_head_costs_a_star():
    found = np.array([[0.1, 0.9], [0.2, 0.3]])
    wrong = [(0, 0), (1, 0), (1, 1)]
    assert [found_stars(found, [*wrong[:n], (0, 1)]) for n in range(4)] == [3, 2, 1, 1]
    assert found_stars(found, wrong) == found_stars(found, []) == 0


def test_what_is_altered_beyond_the_rules_is_another_scene():
    built, cut = CHALLENGES["itself"], CHALLENGES["cut-one"]
    assert built.fits(built.scene.turn(edits=((0, 0, 9.0),), layer=3))
    assert not built.fits(built.scene.turn(temperature=0.1)) and not built.fits(cut.scene)
    assert not cut.fits(cut.scene.turn(edits=((0, 0, 9.0),))) and cut.fits(cut.scene.turn(ablated=((0, 0),)))


def test_a_challenge_that_asks_for_nothing_known_is_refused():
    with pytest.raises(CheckError, match="kind"):
        core.challenges.Challenge("x", "guess", core.Scene(), core.Scene())
    with pytest.raises(CheckError, match="goal"):
        core.challenges.Challenge("x", "build", core.Scene(), core.Scene(), goal="last")
    with pytest.raises(CheckError, match="alters"):
        core.challenges.Challenge("x", "build", core.Scene(), core.Scene(), goal="first", alters="ablated")


def test_the_numbers_of_two_matrices_are_the_scene_s():
    query = {"projections": "1", "matrices": "K.3.1:-2,Q.0.0:20"}
    scene, notices = core.Scene.from_query(query)
    assert not notices and scene.to_query() == query
    drawn = core.run(scene.turn(matrices=())).params
    for run in (core.run(scene), compute.run(scene)):
        changed = {(n, *at) for n in drawn for at in zip(*np.nonzero(run.params[n] != drawn[n]), strict=True)}
        assert changed == {("blocks.0.attn.W_K", 3, 1), ("blocks.0.attn.W_Q", 0, 0)}
        assert run.params["blocks.0.attn.W_Q"][0, 0] == 20 and run.params["blocks.0.attn.W_K"][3, 1] == -2
    assert scene.switch(W_V=False).matrices == scene.matrices
    for other in (scene.override(projections=False), scene.override(n_heads=2), scene.turn(model="gpt", sentence="a")):
        assert other.matrices == (), "left away where the model has no such numbers"
    assert core.Scene.from_query({"projections": "1", "matrices": "Q.4.0:1"})[0].matrices == ()
    assert core.Scene.from_query({"matrices": "V.0.0:1"})[1][0].field == "matrices"


# ------------------------------------------------------------------------------------------------------------ the page


def opened(lang, name, **more):
    """The page on a challenge's own Scene."""
    scene = CHALLENGES[name].scene if name in CHALLENGES else core.Scene()
    return open_page("challenges", scene.turn(challenge=name, lang=lang, **more).to_query())


def seen(at) -> str:
    assert not at.exception, at.exception[0].value
    return unescape(" ".join(str(getattr(element, "value", "")) for element in at.get("html")))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_reason_comes_after_the_stars(lang):
    words, one = words_of(lang), CHALLENGES["itself"]
    at = opened(lang, "itself")
    page = seen(at)
    first = score(one, core.run(one.scene), core.run(one.scene)).value
    assert words("challenges.itself.task") in page and words("challenges.itself.why") not in page
    assert words("challenges.built", share=first) in page and words("challenges.stars", n=0, most=3) in page
    at.session_state[SCENE] = one.solution.turn(challenge="itself", lang=lang)
    page = seen(at.run())
    assert words("challenges.itself.why") in page and words("challenges.stars", n=3, most=3) in page


@pytest.mark.parametrize("one", (one for one in CHALLENGES.values() if one.kind != "build"), ids=named)
def test_the_sentence_that_it_is_about_stands_beside_its_title(one):
    task, tokens = words_of("en")(f"challenges.{one.name}.task"), one.scene.tokens
    head = seen(opened("en", one.name)).partition(task)[0]
    assert re.search(r"\W*".join(map(re.escape, tokens)), head), tokens


def test_of_three_stars_those_that_are_earned_are_full_and_their_number_is_heard():
    for n, drawn in enumerate(("☆☆☆", "★☆☆", "★★☆", "★★★")):
        heard = words_of("en")("challenges.stars", n=n, most=3)
        assert challenges.stars(n, words_of("en")).endswith(f'aria-label="{heard}">{drawn}</span>')


def test_a_solution_is_shown_and_earns_nothing(monkeypatch):
    kept = []
    monkeypatch.setattr(bests, "keep", lambda *best: kept.append(best))
    at = opened("en", "cut-one")
    words = words_of("en")
    before = words("challenges.uncut", n=0, before="|").partition("|")[0]
    assert before in seen(at)
    at.session_state[SCENE] = at.session_state[SCENE].turn(ablated=((1, 2), (0, 0)))
    seen(at.run())
    assert kept == [("cut-one", 2)]
    kept.clear()
    at.button(key="challenge-show").click().run()
    assert at.session_state[SCENE].ablated == ((1, 2),) and words("challenges.shown") in seen(at) and not kept


def test_heads_are_named_one_after_the_other():
    at = opened("pt-BR", "find-previous")
    words = words_of("pt-BR")
    at.button(key="challenge-pick").click().run()
    assert words("challenges.sought", n=1) in seen(at) and at.button(key="challenge-pick").disabled
    at.session_state[SCENE] = CHALLENGES["find-previous"].solution.turn(challenge="find-previous", lang="pt-BR")
    at.run()
    at.button(key="challenge-pick").click().run()
    assert words("challenges.found", n=2) in seen(at) and words("challenges.stars", n=2, most=3) in seen(at)


def after_a_reload(at):
    """Another session, at the address that this one has written."""
    said = {name: value if isinstance(value, str) else value[-1] for name, value in at.query_params.items()}
    return open_page("challenges", said)


def test_what_was_guessed_and_what_was_shown_outlives_a_reload():
    """Who came back guessed for the first time, and earned three stars by a head that had been told."""
    words, solution = words_of("en"), CHALLENGES["find-previous"].solution.turn(challenge="find-previous", lang="en")
    at = opened("en", "find-previous")
    at.button(key="challenge-pick").click().run()
    at = after_a_reload(at)
    assert words("challenges.sought", n=1) in seen(at) and at.button(key="challenge-pick").disabled
    at.session_state[SCENE] = solution
    at.run()
    at.button(key="challenge-pick").click().run()
    at = after_a_reload(at)
    assert words("challenges.found", n=2) in seen(at) and words("challenges.stars", n=2, most=3) in seen(at)
    at.button(key="challenge-anew").click().run()
    assert words("challenges.sought", n=0) in seen(at) and "guessed" not in at.query_params
    at.button(key="challenge-show").click().run()
    at = after_a_reload(at)
    layer, head = CHALLENGES["find-previous"].solution.place
    told = words("challenges.told", head=words("checks.place", layer=layer, head=head))
    assert told in seen(at) and words("challenges.stars", n=0, most=3) in seen(at)
    at.button(key="challenge-anew").click().run()
    at = after_a_reload(at)
    assert not at.button(key="challenge-pick").disabled
    at.session_state[SCENE] = solution
    at.run()
    at.button(key="challenge-pick").click().run()
    assert words("challenges.shown") in seen(at), "no stars are kept of what was shown"


@pytest.mark.parametrize("guessed", ["9.0", "0.99", "x", "0.0.0", "-1.0", ",,", "0,1"])
def test_an_address_names_no_head_that_there_is_not(guessed):
    at = open_page("challenges", {"challenge": "find-previous", "guessed": guessed, "solved": "x", "lang": "en"})
    assert not at.exception and not at.session_state["fibra.challenges.picks"]["find-previous"][1:]
    assert all(layer < 2 and head < 2 for layer, head in at.session_state["fibra.challenges.picks"]["find-previous"])
    assert "guessed" not in open_page("heads", {"challenge": "of-nobody", "guessed": guessed}).query_params


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_head_that_is_told_is_not_said_to_be_found(lang):
    """It counted as named by the player: three stars, found at the first try, or at the second after a wrong one."""
    words, at = words_of(lang), opened(lang, "find-needed")
    at.button(key="challenge-pick").click().run()
    at.button(key="challenge-show").click().run()
    page = seen(at)
    assert words("challenges.told", head=words("checks.place", layer=1, head=0)) in page
    assert words("challenges.stars", n=0, most=3) in page and words("challenges.shown") in page
    assert not any(words("challenges.found", n=n) in page for n in (1, 2))
    assert at.session_state[SCENE].place == (1, 0) and at.button(key="challenge-pick").disabled
    assert "challenge-show" not in {button.key for button in at.button}
    at.button(key="challenge-anew").click().run()
    assert words("challenges.sought", n=0) in seen(at) and not at.button(key="challenge-pick").disabled


@pytest.mark.parametrize("one", CHALLENGES.values(), ids=named)
def test_a_challenge_s_name_alone_opens_it_on_its_own_scene(one):
    """As it is typed by hand: all but those of the penguins said that they are about another state."""
    scene, wrong = core.Scene.from_query(expanded({"challenge": one.name, "lang": "en", "layer": "0", "utm": "x"}))
    assert scene == one.scene.turn(challenge=one.name, lang="en") and not wrong
    for shown in (scene, one.solution.turn(challenge=one.name), core.Scene(challenge=one.name)):
        said = shortened(shown.to_query())
        assert core.Scene.from_query(expanded(said)) == (shown, ()), "what is on screen is what the address brings back"


def test_its_page_opens_on_it_too_and_on_the_penguins_where_the_address_says_so():
    at = open_page("challenges", {"challenge": "first-by-matrices", "lang": "en"})
    assert words_of("en")("challenges.elsewhere") not in seen(at)
    assert at.session_state[SCENE] == CHALLENGES["first-by-matrices"].scene.turn(
        challenge="first-by-matrices", lang="en"
    )
    at.session_state[SCENE] = core.Scene(challenge="first-by-matrices", lang="en")
    assert words_of("en")("challenges.elsewhere") in seen(at.run())
    assert at.query_params["model"] == "penguins"
    again = after_a_reload(at)
    assert again.session_state[SCENE] == core.Scene(challenge="first-by-matrices", lang="en")


def test_another_scene_leads_back_and_an_unknown_name_is_said():
    at = opened("en", "the-first", temperature=2.0)
    assert words_of("en")("challenges.elsewhere") in seen(at)
    at.button(key="challenge-back").click().run()
    assert at.session_state[SCENE] == CHALLENGES["the-first"].scene.turn(challenge="the-first", lang="en")
    at = opened("en", "of-nobody")
    assert at.session_state[SCENE].challenge == "" and "of-nobody" in seen(at)


def test_a_number_of_a_matrix_is_written_and_a_bad_one_named(monkeypatch):
    """As lines of text, as an app without a server has them: AppTest cannot write into a table."""
    monkeypatch.setattr(alone, "ALONE", True)
    at = opened("pt-BR", "first-by-matrices")
    assert words_of("pt-BR")("challenges.grids.K") in seen(at)
    before = {row[:3]: row[3] for row in at.session_state[SCENE].matrices}
    for text, cells, bad in (("20 0,5 0 0", {0: 20, 1: 0.5}, ""), ("0 x 0 0", {0: 0, 1: 0.5}, "x")):
        (line,) = (each for each in at.text_input if each.key.startswith("grid-Q-") and each.key.endswith("-0"))
        line.set_value(text).run()
        assert (f"“{bad}”" in seen(at)) == bool(bad)
        wanted = before | {("Q", 0, column): value for column, value in cells.items()}
        assert {row[:3]: row[3] for row in at.session_state[SCENE].matrices} == wanted


def test_a_line_of_a_matrix_alters_what_was_altered_in_it_and_names_one_number_too_many(monkeypatch):
    monkeypatch.setattr(alone, "ALONE", True)
    at = opened("en", "first-by-matrices", matrices=(("Q", 0, 1, 0.123456),))
    for more, wanted, bad in (("", 2, False), (" 7", 3, True)):
        (line,) = (each for each in at.text_input if each.key.startswith("grid-Q-") and each.key.endswith("-0"))
        _, rest = line.value.split(maxsplit=1)
        line.set_value(f"{wanted} {rest}{more}").run()
        assert (f"“{rest.split()[-1]} 7”" in seen(at)) == bad
        assert at.session_state[SCENE].matrices == (("Q", 0, 0, wanted), ("Q", 0, 1, 0.123456))


@pytest.mark.browser
def test_a_challenge_is_played_and_its_stars_are_remembered(watched, app):
    """By keyboard: a card is opened, a head is cut, and the browser alone remembers what it was worth."""
    tab = watched.at(app, "/challenges?lang=en", 1280, 800)
    settled(tab)
    card = tab.locator('[data-challenge="cut-one"]')
    expect(card.get_by_role("img")).to_have_attribute("aria-label", words_of("en")("challenges.none"))
    card.focus()
    tab.keyboard.press("Enter")
    wait_for_query(tab, challenge="cut-one")
    settled(tab)
    switch = tab.get_by_role("switch", name="layer 1, head 2")
    switch.focus()
    tab.keyboard.press("Space")
    wait_for_query(tab, ablated="1.2")
    expect(tab.locator(".fibra-score")).to_contain_text("★★★")
    expect(card.locator("i")).to_have_attribute("aria-label", "best: 3 of 3 stars")
    tab.reload()
    settled(tab)
    expect(card.locator("i")).to_have_attribute("aria-label", "best: 3 of 3 stars")


@pytest.mark.browser
def test_the_list_folds_away_from_the_challenge_and_leads_to_the_next(watched, app):
    """On a phone sixteen cards stood above the task. Who chose by keyboard is left at what unfolds them."""
    words = words_of("pt-BR")
    tab = watched.at(app, "/challenges?lang=pt-BR", 390, 844)
    settled(tab)
    card, unfold = tab.locator('[data-challenge="cut-one"]'), tab.get_by_role("button", name=words("challenges.all"))
    assert card.is_visible() and not unfold.count()
    card.press("Enter")
    wait_for_query(tab, challenge="cut-one")
    settled(tab)
    expect(unfold).to_be_focused()
    expect(unfold).to_have_attribute("aria-expanded", "false")
    assert not card.is_visible()
    unfold.press("Enter")
    expect(unfold).to_have_attribute("aria-expanded", "true")
    expect(card).to_have_attribute("aria-current", "true")
    assert card.is_visible()
    tab.get_by_role("button", name=words("challenges.next", title=words("challenges.cut-two.title"))).click()
    wait_for_query(tab, challenge="cut-two")
    settled(tab)
    assert not card.is_visible()


CELLS = """(name) => {
  const figure = document.querySelector(name);
  const { left, top } = figure.getBoundingClientRect();
  return [...figure.querySelectorAll(".textpoint text")].map((cell) => {
    const box = cell.getBoundingClientRect();
    return [box.left + box.width / 2 - left, box.top - top];
  });
}"""
BOXES = """([...names]) => names.map((name) => {
  const box = document.querySelector(name).getBoundingClientRect();
  return [box.left, box.top, box.width, box.height, box.bottom].map(Math.round);
})"""


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1366, 768), (1280, 720)])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_challenge_is_about_is_on_the_first_screen(watched, app, size, lang):
    """And of a head that is built what it is now stands beside what it should be, cell by cell."""
    maps = [f"[data-figure=challenge-{name}] .fibra-figure" for name in ("wanted", "pattern")]
    seen = {
        "the-one-before": [*maps, ".st-key-challenge-numbers"],
        "first-by-matrices": [*maps, ".st-key-challenge-numbers"],
        "cut-one": ["[data-figure=challenge-all]", ".st-key-challenge-heads"],
        "cut-the-copyist": ["[data-figure=challenge-all]"],
        "sever-two": [f"[data-figure=challenge-{name}] .fibra-figure" for name in ("light", "twin")],
        "find-needed": ["[data-figure=challenge-all]", ".st-key-challenge-pick"],
    }
    for name, parts in seen.items():
        query = urlencode(CHALLENGES[name].scene.turn(challenge=name, lang=lang).to_query())
        tab = watched.at(app, f"/challenges?{query}", *size)
        tab.wait_for_selector(f"{parts[0]} [data-drawn], {parts[0]}[data-drawn]")
        settled(tab)
        assert tab.get_by_text(words_of(lang)(f"challenges.{name}.task"), exact=True).count() == 1
        boxes = tab.evaluate(BOXES, [".fibra-score", *parts])
        assert all(bottom <= size[1] for *_, bottom in boxes), (name, boxes)
        if parts[0] == maps[0]:
            (left, top, *one, _), (right, beside, *other, _) = boxes[1:3]
            assert top == beside and one == other and right > left + one[0]
            wanted, now = (np.array(tab.evaluate(CELLS, each)) for each in maps)
            tables = tab.locator(".st-key-challenge-numbers .dvn-scroller")
            assert all(each.evaluate("one => one.scrollWidth <= one.clientWidth") for each in tables.all()), name
            assert tables.count() == 1 + (name == "first-by-matrices")
            assert len(now) == 25 and np.abs(wanted - now[-len(wanted) :]).max() <= 1  # of the first none is wanted


@pytest.mark.browser
def test_number_after_number_is_written_by_keyboard(watched, app):
    """After each one the table began afresh, and the keyboard stood at the top of the page."""
    tab = watched.at(app, "/challenges?challenge=evenly&lang=pt-BR", 1280, 800)
    settled(tab)
    tab.locator(".st-key-challenge-numbers canvas").first.focus()
    tab.keyboard.press("ArrowDown")
    for way, number, edit in (
        ("ArrowRight", "7", "1.0:7"),
        ("ArrowRight", "0,5", "2.1:0.5"),
        ("ArrowUp", "-2", "2.1:-2"),
    ):
        tab.keyboard.press(way)
        tab.keyboard.press("1")  # the first key opens the cell
        cell = tab.locator("textarea.gdg-input")
        expect(cell).to_have_value("1")
        cell.fill(number)
        cell.press("Enter")
        tab.wait_for_function("edit => decodeURIComponent(location.search).includes(edit)", arg=edit)
        settled(tab)
    written = tab.locator(".st-key-challenge-numbers [role=gridcell]")
    assert tab.evaluate("document.activeElement.role") == "gridcell" and written.nth(12).inner_text() == "-2"
    tab.locator(".st-key-menu").get_by_role("link", name=words_of("pt-BR")("pages.heads"), exact=True).click()
    settled(tab)
    tab.go_back()
    expect(written.nth(12)).to_have_text(words_of("pt-BR").number(-2.0))  # away from the page its edits are forgotten
