"""Reading heads: every figure and every sentence against arrays computed here, and what a click chooses."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import plotly.graph_objects as go
import pytest
from support import random_scenes

import core
from core import Scene, limits
from core.interpret import LABELS, rank_correlation
from core.tasks import TASKS, story
from pictures import ablation, changes, continuation, habits, importance, ranked, stacks, together, weighed
from pictures import reading as pictures
from pictures.extremes import head_names
from pictures.words import LANGUAGES, words_of
from plots import theme
from plots.differences import differences
from plots.figure import literal, to_json
from plots.token_shares import token_shares
from plots.weighed import LEAST
from tests.support import fine, html, open_page, pressed, slices_done
from ui import on_demand, scheduler
from ui.reading import asked
from ui.state import SCENE

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
SQUARES = (importance.weights, importance.carried, importance.importance, importance.rolled)
both = pytest.mark.parametrize("lang", LANGUAGES)


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_pictures_are_figures_in_both_themes(scene, lang):
    for builder in (*MAPS, *SQUARES):
        picture = builder(scene, words_of(lang))
        assert picture.says and "nan" not in picture.says.lower() and "{" not in picture.says
        for mode in theme.PALETTES:
            go.Figure(theme.resolve(picture.figure, mode))


run = cache(core.run)  # both languages are held against one


def patterns_of(scene: Scene) -> np.ndarray:
    trace = run(scene).trace
    return np.stack([trace[f"blocks.{i}.attn.pattern"] for i in range(scene.config.n_layers)]).astype(float)


def test_what_is_said_is_what_is_drawn():
    """test_claims holds the sentences against fresh runs; here, that the bars are the scores."""
    for scene in SCENES:
        mine = {name: score[scene.place] for name, score in pictures.scores_of(scene).items()}
        drawn = pictures.scores(scene, words_of("en")).figure["data"][0]["y"]
        assert np.allclose(drawn, [mine[name] for name in LABELS], atol=1e-5)


def test_both_shipped_induction_heads_have_their_name_whatever_is_typed():
    for sentence in ("", "pi ka tu le", "pi pi"):
        found = pictures.labels_of(Scene(model="induction", sentence=sentence))
        assert [*found[1]] == ["induction", "induction"] and "induction" not in found[0]


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0, 20.0])
def test_no_random_head_is_an_induction_head(temperature):
    """960 of them, on a sentence in which two words come back; some look like one, and are not said to be one."""
    seeming = 0
    for seed in range(60 if temperature == 0.1 else 6):
        scene = Scene(model="gpt", sentence="a b c a b", seed=seed, temperature=temperature)
        found = pictures.labels_of(scene).ravel().tolist()
        assert "induction" not in found
        seeming += found.count("seeming")
    assert not seeming  # two queries are too few even for that


def test_what_looks_like_an_induction_head_is_said_to_look_like_one():
    scene = Scene(model="gpt", temperature=0.1, sentence="a b a b a b")
    places = np.argwhere(pictures.labels_of(scene) == "seeming").tolist()
    assert places
    for layer, head in places:
        says = pictures.scores(scene.turn(layer=layer, head=head), words_of("en")).says
        assert "looks like" in says and "is an induction head" not in says


@cache
def lost_of(scene: Scene) -> np.ndarray:
    """[layer, head]: what the output loses without each head, on a run of its own."""
    n, heads = scene.config.n_layers, scene.config.n_heads
    last = f"blocks.{n - 1}.resid_post"
    y = run(scene).trace[last].astype(float)
    lost = np.zeros((n, heads, len(y)))
    for place in np.ndindex(n, heads):
        without = core.run(scene.turn(ablated={*scene.ablated, place}), names=[last]).trace[last].astype(float)
        change, size = (np.sqrt((x**2).sum(1)) for x in (without - y, y))
        lost[place] = np.where(size > 0, change / np.where(size > 0, size, 1), change)
    return lost.mean(-1)


@both
def test_what_would_be_lost(lang):
    for scene in SCENES:
        picture = pictures.effects(scene, words_of(lang))
        assert np.allclose(picture.figure["data"][0]["z"], 100 * lost_of(scene), rtol=1e-4, atol=1e-4)


@both
def test_weight_is_not_importance(lang):
    words, parted = words_of(lang), 0
    for scene in SCENES:
        computed, (layer, head), query = run(scene), scene.place, scene.cell[0]
        a = patterns_of(scene)[layer, head]
        assert np.allclose(importance.weights(scene, words).figure["data"][0]["z"], a, atol=1e-6)

        shared = head * scene.config.kv_heads // scene.config.n_heads  # heads may share their values
        v = computed.trace[f"blocks.{layer}.attn.v"][shared].astype(float)
        if scene.config.projections and "W_O" not in scene.off:
            width = scene.config.head_width
            v = v @ computed.params[f"blocks.{layer}.attn.W_O"][head * width : (head + 1) * width].astype(float)
        carried = a * np.sqrt((v**2).sum(1)) * ((layer, head) not in scene.ablated)
        picture = importance.carried(scene, words)
        assert np.allclose(picture.figure["data"][0]["z"], carried, rtol=1e-4, atol=1e-4)

        picture = importance.importance(scene, words)
        shares = np.stack([bars["y"] for bars in picture.figure["data"]])
        assert np.allclose(shares[0], a[query], atol=1e-5)
        whole = carried[query].sum()
        assert np.allclose(shares[1], carried[query] / whole if whole else 0, atol=1e-4)
        parted += len({int(row.argmax()) for row in shares}) > 1
    assert parted, "in some Scene they part"


@both
def test_what_parts_is_named_and_not_called_itself(lang):
    """*Itself* would be the vector that comes from the word, or the output that changes without it."""
    says = importance.importance(Scene(model="induction", lang=lang), words_of(lang)).says
    most, own = (f"“{token}” ({'position' if lang == 'en' else 'posição'} {i})" for token, i in (("tu", 2), ("le", 3)))
    if lang == "en":
        assert f"is on {most} (" in says and f"comes from {own} (" in says and f"without {own} (" in says
    else:
        assert f"vai a {most} (" in says and f"vem de {own} (" in says and f"sem {own} (" in says


@both
def test_rollout_multiplies_the_layers(lang):
    for scene in SCENES:
        picture = importance.rolled(scene, words_of(lang))
        rolled = np.eye(len(scene.tokens))
        a = patterns_of(scene)
        for layer, head in scene.ablated:  # nothing flows through it: the word keeps what it would have taken
            a[layer, head] = np.eye(len(scene.tokens)) if scene.config.residual else 0
        for i, layer in enumerate(a[: scene.place[0] + 1]):
            alive = len(layer) - sum(at == i for at, _ in scene.ablated)
            mixed = layer.mean(0) if scene.config.residual else layer.sum(0) / max(alive, 1)
            rolled = ((mixed + np.eye(len(mixed))) / 2 if scene.config.residual else mixed) @ rolled
        assert np.allclose(picture.figure["data"][0]["z"], rolled, atol=1e-5)


@both
@pytest.mark.parametrize("scene", EDGES, ids=range(len(EDGES)))
def test_page_runs(scene, lang):
    assert not open_page("reading", scene.turn(lang=lang)).exception


HOSTILE = Scene(model="gpt", sentence="<b>bold</b> $x$ @query <i>i</i> {0}")


def test_tokens_are_never_markup():
    for builder in (*MAPS, *SQUARES):
        figure = builder(HOSTILE, words_of("en")).figure
        shown = to_json({"data": figure["data"], "layout": figure["layout"] | {"meta": {}}})
        assert b"<b>bold" not in shown and b"$x$" not in shown and b'"@query <' not in shown


def test_queries_and_keys_stand_in_one_plane_with_a_line_for_each_weight_above_the_threshold():
    scene = Scene(model="stories", layer=1, head=2, threshold=0.1)
    made = together.together(scene, words_of("en"))
    go.Figure(theme.resolve(made.figure, "light"))
    *lines, queries, keys = made.figure["data"]
    pattern = core.run(scene).trace["blocks.1.attn.pattern"][2]
    ends = np.concatenate([np.reshape(line["x"], (-1, 3)) for line in lines])
    assert len(ends) == (pattern > 0.1).sum() and np.isnan(ends[:, 2]).all()
    assert {*ends[:, 0].tolist()} <= {*queries["x"].tolist()} and {*ends[:, 1].tolist()} <= {*keys["x"].tolist()}
    assert (queries["marker"]["color"], keys["marker"]["color"]) == ("@query", "@key")


def test_from_one_text_to_another_queries_and_keys_have_names_of_their_own():
    scene = Scene(model="translator", layer=1, head=2, query=3, key=8)
    found, trace = stacks.looks(scene), core.run(scene).trace
    made = together.together(scene, words_of("en"))
    go.Figure(theme.resolve(made.figure, "light"))
    *lines, queries, keys = made.figure["data"]
    assert (queries["customdata"], keys["customdata"]) == ([*map(literal, found.rows)], [*map(literal, found.columns)])
    assert sum(len(line["x"]) // 3 for line in lines) == (trace["blocks.1.cross.pattern"][2] > scene.threshold).sum()
    for builder in (importance.weights, importance.carried):
        square = builder(scene, words_of("en")).figure
        assert np.shape(square["data"][0]["z"]) == (len(found.rows), len(found.columns)) == (8, 9)


@pytest.mark.parametrize("kind", stacks.KINDS)
def test_page_shows_the_heads_of_both_stacks(kind, monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")  # so that the words among them are elements of the page
    at = open_page("reading", {"model": "translator", "attention_of": kind, "lang": "en", "query": "7"})
    assert not at.exception and at.session_state[SCENE].model == "translator"
    said = html(at)
    assert ("are looks within one text" in said) == (kind == "cross") == ("no such chain" in said)


def test_rank_correlation():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(30)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1) and rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 3, 4, 5]), np.array([5, 6, 7, 8, 7])) == pytest.approx(0.8207826816681233)
    assert np.isnan(rank_correlation(x, np.ones(30))) and abs(rank_correlation(x, rng.permutation(x))) < 0.5


def test_the_sentences_of_a_task_are_the_first_that_it_keeps_from_training():
    told = habits.texts(Scene(model="induction"))
    task = TASKS["repeat"]()
    batch = task.batch(step=0, size=16, seed=0, held_out=True)
    assert [one.split() for one in told] == [[task.vocabulary[token] for token in row] for row in batch.ids]


def test_many_sentences_are_read_when_asked_for_in_slices(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    monkeypatch.setattr(scheduler, "SLICE", -1.0)  # a part at a time
    scene, words = Scene(model="stories", layer=1, head=2, lang="en"), words_of("en")
    says = habits.held(scene, words).says
    habits.scores.cache.clear()
    at = fine(open_page("reading", scene))
    assert says not in html(at) and not at.get("progress")
    at.button(key="ask-reading.over").click()
    for done in (1, 2):
        (progress,) = fine(at.run()).get("progress")
        assert progress.proto.text == words("reading.over.doing", done=done, n=16) and says not in html(at)
    monkeypatch.setattr(scheduler, "SLICE", 60.0)
    assert says in html(fine(at.run())) and habits.ranged(scene, words).says in html(at)
    assert says in html(fine(at.run())), "and it stays"
    assert says in html(fine(open_page("reading", scene))), "what somebody has asked for is shown to whoever comes"
    moved = scene.turn(temperature=2.0).to_query()
    at.query_params.update(moved)
    assert at.button(key="ask-reading.over") if says not in html(fine(at.run())) else False


def test_a_large_model_s_heads_are_ranked_when_asked_for(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    monkeypatch.setattr(limits, "ABLATIONS", 1)
    scene = Scene(model="stories", lang="en")
    says = [builder(scene, words_of("en")).says for builder in (ranked.ranked, pictures.effects)]
    ablation.measured.cache.clear()
    at = fine(open_page("reading", scene))
    assert not any(told in html(at) for told in says) and words_of("en")("reading.ranked.waits") in html(at)
    done = html(pressed(at, "ask-reading.ranked"))
    assert all(told in done for told in says)


def test_heads_that_take_a_while_are_ranked_after_the_other_pictures(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene, words = Scene(model="stories", query=3, lang="en"), words_of("en")
    builders = (ranked.ranked, pictures.effects, importance.importance, weighed.weighed)
    says = [builder(scene, words).says for builder in builders]
    for shelf in (ablation.measured, importance.measured):
        shelf.cache.clear()
    monkeypatch.setattr(limits, "SOON", 0)
    at = fine(open_page("reading", scene))
    assert not any(told in html(at) for told in says) and html(at).count(words("shell.comes")) == 2
    assert not any(button.key and button.key.startswith("ask-reading.r") for button in at.button)
    slices_done(at, "reading.ranked", ablation.measured)
    slices_done(at, "reading.without_key", importance.measured)
    assert all(told in html(at) for told in says) and words("shell.comes") not in html(at)


def test_what_another_reader_has_made_just_now_is_shown(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene, real, asked = Scene(model="stories", query=3, lang="en"), on_demand.is_ready, set()

    def is_ready(work: on_demand.Work, shown: Scene) -> bool:
        first = work.name not in asked
        asked.add(work.name)
        return not first and (real(work, shown) or work.unasked(shown))

    monkeypatch.setattr(on_demand, "is_ready", is_ready)
    at = fine(open_page("reading", scene))
    for builder in (pictures.effects, importance.importance):
        assert builder(scene, words_of("en")).says in html(at)


@pytest.mark.parametrize("label", ("reading.ranked.ask", "reading.without_key.ask", "cause.patched.ask"))
def test_one_part_is_told_as_one(label):
    for lang, part in (("en", r"\(1 (layer|part)\)"), ("pt-BR", r"\(1 (camada|parte)\)")):
        assert re.search(part, words_of(lang)(label, n=1)) and not re.search(part, words_of(lang)(label, n=2))


def test_a_long_text_s_keys_are_left_out_when_asked_for(monkeypatch):
    monkeypatch.setenv("FIBRA_PLAIN_FIGURES", "1")
    scene = Scene(model="encoder_full", sentence=" ".join(f"w{i}" for i in range(20)), query=3, lang="en")
    says = [builder(scene, words_of("en")).says for builder in (importance.importance, weighed.weighed)]
    whole = importance.effects_of(scene)
    monkeypatch.setattr(limits, "ABLATIONS", 1)
    assert np.allclose(importance.effects_of(scene), whole, rtol=1e-4)
    importance.measured.cache.clear()
    at = fine(open_page("reading", scene))
    assert not any(told in html(at) for told in says) and words_of("en")("reading.without_key.waits") in html(at)
    done = html(pressed(at, "ask-reading.without_key"))
    assert all(told in done for told in says)


def test_the_bars_are_the_strongest_heads_in_order_and_a_click_opens_one(monkeypatch):
    scene, turned = Scene(model="gpt", ablated=((1, 2),), layer=3, head=1), {}
    made, found = ranked.ranked(scene, words_of("en")), ranked.ranks(scene)
    (bars,) = made.figure["data"]
    assert len(bars["x"]) == 12 and (np.diff(bars["x"]) <= 0).all() and bars["x"][0] == found.strength.max()
    assert (1, 2) not in found.order and len(found.order) == 15
    monkeypatch.setattr(asked.state, "scene", lambda: scene)
    monkeypatch.setattr(asked.state, "turn", lambda **to: turned.update(to))
    asked.choose_rank({"x": 0.1, "y": 4.0})
    assert (turned["layer"], turned["head"]) == found.order[4]
    asked.choose_rank({"x": 0.1, "y": 12.0})
    assert (turned["layer"], turned["head"]) == found.order[4], "below the last bar there is none"
    little = ranked.ranked(Scene(model="translator"), words_of("en"))
    written = little.figure["data"][0]["text"]
    assert len({*written}) == 7 and all("×" in text and "·" not in text for text in written)
    few = pictures.scores(Scene(model="gpt", sentence="um"), words_of("pt-BR")).says
    assert "há poucas palavras para medir" in few and "0,00" not in few
    assert written[0] in little.says and "beside a bar" in made.says and "beside" not in little.says
    encoder = Scene(model="encoder_full")
    numbers, order = ranked.ranked(encoder, words_of("en")).numbers, ranked.ranks(encoder).order
    layer, head = order[1]
    assert numbers.at({"x": 0.1, "y": 1}) == (f"effect.blocks.{layer}.attn.z", (head,))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_bar_is_how_far_the_prediction_moves_without_its_head(lang):
    """Total variation, and behind it the change of the likeliest token's log-probability, of runs made here."""
    words = words_of(lang)
    for scene in (Scene(model="stories"), Scene(model="gpt", ablated=((1, 2),), layer=3, head=1)):
        heads = [at for at in np.ndindex(scene.config.n_layers, scene.config.n_heads) if at not in scene.ablated]

        def shares(off: tuple, scene: Scene = scene) -> np.ndarray:
            logits = core.run(scene.turn(ablated=off)).trace["logits"][-1].astype(np.float64)
            return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

        whole = shares(scene.ablated)
        token = int(whole.argmax())
        without = {head: shares(tuple(sorted({*scene.ablated, head}))) for head in heads}
        moved = {head: float(np.abs(x - whole).sum() / 2) for head, x in without.items()}
        change = {head: float(np.log(x[token] / whole[token])) for head, x in without.items()}
        made = ranked.ranked(scene, words)
        bars, numbers = made.figure["data"][0], made.numbers.numbers
        order = [(int(name.split(".")[2]), index[0]) for name, index in numbers]
        assert order == sorted(heads, key=lambda head: -moved[head])[:12]
        assert np.asarray(bars["x"]).tolist() == pytest.approx([moved[head] for head in order], rel=1e-3, abs=1e-6)
        assert {name.split(".")[0] for name, _ in numbers} == {"variation"}
        for head, text in zip(order, bars["text"], strict=True):
            share, told = text.split(" · ")
            assert share == f"{words.number(100 * moved[head], 1)}%" or moved[head] < 0.0006
            assert float(told.replace("−", "-").replace(",", ".")) == pytest.approx(change[head], abs=0.0051)
            assert told.startswith("+") == (float(told.replace("−", "-").replace(",", ".")) > 0)
        listed = words("reading.ranked.says.listed", shown=12, n=len(heads))
        assert (listed in made.says) == (len(heads) > 12)
        first = order[0]
        goes = f"{words.number(100 * whole[token], 1)}%", f"{words.number(100 * without[first][token], 1)}%"
        assert goes[0] == goes[1] or (" ".join(made.says.split()).find(goes[0]) > 0 and goes[1] in made.says)
        alone = sum(words.number(100 * x, 1) == words.number(100 * moved[first], 1) for x in moved.values()) == 1
        word = continuation.names(scene, words)(token)
        likeliest = words(
            "reading.ranked.says.likeliest", word=f"“{word}”", before=whole[token], after=without[first][token]
        )
        assert (likeliest in made.says) == (goes[0] != goes[1] and alone)
        assert ranked.height(scene) >= 27 * len(order)
    few = ranked.height(Scene(model="gpt").override(n_layers=1, n_heads=1, d_model=16))
    assert few == ranked.height(Scene(model="gpt").override(n_layers=1, n_heads=2, d_model=16)) >= 3 * 27


def test_weight_value_and_effect_are_one_point():
    scene = Scene(model="stories", layer=1, head=2, query=5)
    others, own = weighed.weighed(scene, words_of("en")).figure["data"]
    a, carried, moved = (of(scene) for of in (importance.weights_of, importance.carried_of, importance.effects_of))
    assert np.allclose(own["x"], a[5, :6]) and np.allclose(own["y"], carried[5, :6], rtol=1e-5)
    assert len(others["x"]) == np.tri(len(scene.tokens)).sum() - 6
    area = np.sqrt(moved[:6] / moved.max())
    assert np.allclose(
        (own["marker"]["size"] - own["marker"]["size"].min()) / np.ptp(own["marker"]["size"]),
        (area - area.min()) / np.ptp(area),
        atol=1e-4,
    )


def test_what_moves_by_rounding_alone_has_no_size():
    off = Scene(model="stories", ablated=tuple((layer, head) for layer in (0, 1) for head in range(4)))
    assert pictures.effects(off, words_of("en")).figure["data"][0]["zmax"] == 1.0  # percent
    assert not importance.importance(off, words_of("en")).figure["data"][2]["y"].any()
    _, own = weighed.weighed(off, words_of("en")).figure["data"]
    assert np.ptp(own["marker"]["size"]) == 0 and own["marker"]["size"][0] == LEAST
    bars = token_shares(np.full(3, 2e-7), ["a", "b", "c"])
    assert bars["layout"]["yaxis"]["range"][1] > 1
    rows = differences(np.full(2, 3e-7), ["a", "b"], ["0.0%"] * 2, signed=False, least=0.001)
    assert rows["layout"]["xaxis"]["range"] == [0, 0.001]
    was = np.array([[1.0, 2.0]])
    assert changes.reach(was, was + 2e-7) == pytest.approx(2) and changes.reach(was, was + 0.1) == pytest.approx(0.1)


def test_new_pictures_are_figures():
    for scene in (Scene(model="stories"), Scene(model="alice", without_first=True), Scene(model="translator")):
        for builder in (habits.held, habits.ranged, ranked.ranked, weighed.weighed):
            if builder.__module__ != "pictures.habits" or habits.offered(scene):
                go.Figure(theme.resolve(builder(scene, words_of("pt-BR")).figure, "dark"))


def test_three_measures_are_compared_where_each_has_an_order():
    """Of three keys there is one; where a head looks at all alike, or all that it carries is, there is none."""
    words = words_of("en")
    gpt = Scene(model="gpt", sentence="a b c d", layer=1)
    for query, n in ((0, 1), (1, 2), (2, 3), (3, 4)):
        says = weighed.weighed(gpt.turn(query=query), words).says
        assert (f"Over the {n} tokens" in says) == (n >= 3), says
        assert "10 pairs" in says
    even = weighed.weighed(gpt.turn(query=3, off=("softmax",)), words).says
    assert "one of the three measures is alike" in even and "nan" not in even
    for sentence, few in (("a", True), ("a b", False)):  # one pair; three
        says = weighed.weighed(gpt.turn(sentence=sentence), words).says
        assert ("too few" in says) == few, says


def crafted(monkeypatch, seed: int, **measures: np.ndarray) -> str:
    """What is said of a query that sees four keys, where a measure is another one than the model's."""
    for name, values in measures.items():
        monkeypatch.setattr(weighed, f"{name}_of", lambda scene, values=values: values)
    return weighed.weighed(Scene(model="gpt", sentence="a b c d", layer=1, query=3, seed=seed), words_of("en")).says


ORDERED = np.tril([[0.9, 0, 0, 0], [0.7, 0.6, 0, 0], [0.5, 0.4, 0.3, 0], [0.25, 0.15, 0.2, 0.1]])


@pytest.mark.parametrize("lost", ["weights", "carried", "effects"])
def test_where_one_number_of_a_measure_is_lost_nothing_is_drawn(monkeypatch, lost):
    measures = {"weights": ORDERED.copy(), "carried": ORDERED.copy(), "effects": np.array([0.4, 0.1, 0.2, 0.3])}
    assert crafted(monkeypatch, 1, **measures) != words_of("en")("reading.weighed.says.lost")
    measures[lost][..., 0] = np.inf
    assert crafted(monkeypatch, 2, **measures) == words_of("en")("reading.weighed.says.lost")


@pytest.mark.parametrize(("by", "alike"), [(3e-5, True), (3e-4, False)])
def test_what_is_carried_alike_to_four_digits_of_the_greatest_has_no_order(monkeypatch, by, alike):
    carried = np.tril(2 * (1 - by * np.arange(16).reshape(4, 4) / 15))
    effects = np.array([0.4, 0.1, 0.2, 0.3])
    says = crafted(monkeypatch, 1, weights=ORDERED, carried=carried, effects=effects)
    assert ("no order" in says) == alike, says
    assert ("one of the three measures is alike" in says) == alike, says


@pytest.mark.parametrize(("by", "alike"), [(3e-7, True), (3e-6, False)])
def test_effects_that_differ_by_less_than_a_millionth_have_no_order(monkeypatch, by, alike):
    effects = by * np.array([1.0, 0.4, 0.6, 0.8])
    says = crafted(monkeypatch, 1, weights=ORDERED, carried=ORDERED, effects=effects)
    assert ("one of the three measures is alike" in says) == alike, says


@pytest.mark.parametrize("kind", stacks.KINDS)
def test_of_two_stacks_it_is_said_whose_heads_are_ranked(kind):
    words = words_of("en")
    says = ranked.ranked(Scene(model="translator", attention_of=kind), words).says
    told = {of: words(f"reading.ranked.says.of_{of}") in says for of in stacks.KINDS}
    assert told == {of: of == kind for of in stacks.KINDS}
    assert not any(words(f"reading.ranked.says.of_{of}") in ranked.ranked(Scene(), words).says for of in stacks.KINDS)


def test_what_is_said_beside_the_bars_is_said_where_it_is_seen():
    words, listed = words_of("en"), [(0, 0), (0, 1)]
    for change, seen in ((0.004, False), (-0.006, True)):
        found = ranked.Ranks(np.array([[0.2, 0.1]]), np.array([[0.0, change]]), np.ones((1, 2), bool))
        assert ranked._changes(found, listed) == seen and not ranked._changes(found, listed[:1])
    for heads, is_told in ((12, False), (13, True)):
        scene = Scene(model="gpt").override(n_layers=1, n_heads=heads, d_model=2 * heads)
        assert (words("reading.ranked.says.listed", shown=12, n=heads) in ranked.ranked(scene, words).says) == is_told
        assert 27 * 12 <= ranked.height(scene) < 27 * 14
    lost = Scene(model="encoder").override(n_layers=12, d_model=64)
    told = [ranked.ranked(scene, words).says for scene in (lost, Scene(ablated=((0, 0),)))]
    assert told == [words(f"reading.ranked.says.{key}") for key in ("lost", "off")]
    for scene in (Scene(model="stories"), Scene(model="translator")):
        bars = ranked.ranked(scene, words).figure
        behind = bars["layout"]["xaxis"]["range"][1] / max(bars["data"][0]["x"])
        assert 1.5 < behind < 2.5, "for two numbers, or one with a power of ten"
    one = ranked.ranked(Scene(model="encoder_full"), words).figure
    assert 1.1 < one["layout"]["xaxis"]["range"][1] / max(one["data"][0]["x"]) < 1.6


def test_a_head_keeps_the_sign_of_its_name_but_induction_is_the_probe_s_to_say():
    probed = [habits._sign("induction", score) for score in (0.9, 0.0, np.nan)]
    assert probed == [pictures.SIGNS["induction"], pictures.SIGNS["seeming"], pictures.SIGNS["seeming"]]
    others = [name for name in LABELS if name != "induction"]
    assert [habits._sign(name, score) for name in others for score in (0.0, 0.9)] == [
        pictures.SIGNS[name] for name in others for _ in range(2)
    ]


def test_a_cell_of_what_heads_keep_is_the_share_of_its_name_or_none():
    scene = Scene(model="stories")
    main, numbers = habits.over(scene)[0].main, habits.held(scene, words_of("en")).numbers
    for layer, head in np.ndindex(main.shape):
        best = int(main[layer, head])
        expected = (f"held.blocks.{layer}.attn.pattern", (head, best)) if best >= 0 else None
        assert numbers.at({"x": head, "y": layer}) == expected
    drawn = np.array([[-1, 0], [2, -1]])
    found = habits._numbers_held(Scene(model="stories"), drawn).numbers
    assert [[number and number[1][1] for number in row] for row in found] == [[None, 0], [2, None]]
    assert found[1][0] == ("held.blocks.1.attn.pattern", (0, 2))


def test_the_sentences_of_a_story_are_none_that_its_training_saw():
    """A story is held out by how it begins."""
    read = habits.texts(Scene(model="stories"))
    trained = {
        " ".join(word.text for word in story(lang, number, False)) for lang in LANGUAGES for number in range(200)
    }
    assert len({*read}) == 16 and not {*read} & trained
    begun = {text.partition(" .")[0] for text in trained}
    assert not {text.partition(" .")[0] for text in read} & begun


def test_what_is_said_of_heads_that_are_off_lost_or_left_alone():
    words, stories = words_of("en"), Scene(model="stories")
    every = [(layer, head) for layer in range(2) for head in range(4)]
    off = words("reading.says.effects_without_off", n=3)
    assert off in pictures.effects(stories.turn(ablated=tuple(every[:3])), words).says
    assert off.partition("3")[2] not in pictures.effects(stories, words).says
    alone = pictures.effects(stories.turn(ablated=tuple(every[1:])), words).says
    alike = words("reading.says.effects_alike", most="", least="", n=1, high=0, low=0)
    assert "head 0 of layer 0" in alone and not alone.startswith(alike[:12])
    exploded = Scene(model="encoder").override(n_layers=12, d_model=64)
    assert pictures.effects(exploded, words).says == words("reading.says.lost")
    for scene, prefix in ((stories, ""), (Scene(model="translator", attention_of="encoder"), "encoder.")):
        last = f"{prefix}blocks.{stacks.looks(scene).config.n_layers - 1}.resid_post"
        assert np.array_equal(pictures.leaving(scene), core.run(scene).trace[last])


def test_maps_of_words_by_words_grow_with_the_text():
    heights = [importance.square_height(Scene(model="gpt", sentence=" ".join(["um"] * n))) for n in (2, 8, 9, 16, 17)]
    assert abs(heights[0] - heights[1]) < 15 < heights[2] - heights[1] and heights[4] - heights[3] > 15
    assert abs(heights[2] - heights[3]) < 15, "but for the names under them"
    off = Scene(model="gpt", ablated=((0, 0),))
    assert importance.carried(off, words_of("en")).figure["data"][0]["zmax"] == 1.0


def test_a_point_of_a_plane_is_outlined_and_tells_its_numbers():
    """An outline is a point's own, on whatever scale; of queries and keys either coordinate is the point."""
    words, scene = words_of("en"), Scene(model="stories", layer=1, head=2, query=5, key=1)
    made = together.together(scene, words)
    *_, queries, keys = made.figure["data"]
    reach = [np.ptp(np.concatenate([queries[axis], keys[axis]])) for axis in "xy"]
    for trace, name in ((queries, "q"), (keys, "k")):
        for at in (0, 3):
            number = (f"plane.blocks.1.attn.{name}", (2, at, 0))
            assert made.numbers.at({axis: float(trace[axis][at]) for axis in "xy"}) == number
            place = made.numbers.place((number[0], (2, at, 1)))
            assert place == made.numbers.place(number)
            for axis, far in zip("xy", reach, strict=True):
                low, high = place[f"{axis}0"], place[f"{axis}1"]
                assert (low + high) / 2 == pytest.approx(float(trace[axis][at]), abs=1e-5)
                assert 0.01 * far < high - low < 0.1 * far
    made = weighed.weighed(scene, words)
    own = made.figure["data"][1]
    a, carried, moved = (of(scene) for of in (importance.weights_of, importance.carried_of, importance.effects_of))
    for key, text in enumerate(own["customdata"]):
        told = re.findall(r"\d+\.\d+", text)
        assert told[0] == f"{a[5, key]:.2f}" and told[1] == f"{carried[5, key]:.2f}", text
        assert told[2] == f"{100 * moved[key]:.1f}"
        place = made.numbers.place(("carried.blocks.1.attn.pattern", (2, 5, key)))
        for axis in "xy":
            low, high = made.figure["layout"][f"{axis}axis"]["range"]
            assert place[f"{axis}1"] - place[f"{axis}0"] == pytest.approx((high - low) / 25)


def test_where_what_is_carried_is_lost_and_the_weights_are_not_nothing_is_drawn():
    words, tried = words_of("en"), 0
    for layer in range(12):
        scene = Scene(model="encoder", layer=layer).override(n_layers=12, d_model=64)
        parts = importance.weights_of(scene), importance.carried_of(scene), importance.effects_of(scene)
        finite = [bool(np.isfinite(part).all()) for part in parts]
        tried += len({*finite}) > 1
        lost = words("reading.weighed.says.lost")
        assert (weighed.weighed(scene, words).says == lost) == (not all(finite)), (layer, finite)
    assert tried


@pytest.mark.parametrize("lang", LANGUAGES)
def test_names_and_scores_say_what_they_leave_out(lang: str) -> None:
    words, scene = words_of(lang), Scene(model="induction", layer=1, without_first=True)
    told = words("shell.left_out.shares", n=1, tokens=words("placed", token="pi", place=0))
    for builder in (pictures.labels, pictures.scores):
        assert builder(scene, words).says.endswith(f" {told}")
        assert told not in builder(scene.turn(without_first=False), words).says


def test_of_heads_that_move_as_much_each_is_named_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are alike; of one alone that is on there is nothing to say of others."""
    words = words_of("en")
    for works, key in ((np.ones((1, 2), bool), "output_alike"), (np.array([[True, False]]), "output")):
        monkeypatch.setattr(
            ranked, "ranks", lambda scene, works=works: ranked.Ranks(np.full((1, 2), 0.25), None, works)
        )
        says = ranked.ranked(Scene(model="gpt").override(n_layers=1, n_heads=2), words).says
        about = {"heads": head_names(np.argwhere(works).tolist(), words, "heads.the"), "k": int(works.sum())}
        assert says == words(f"reading.ranked.says.{key}", **about, n=int(works.sum()), most="25.0")


@pytest.mark.parametrize("lost", [(0, 1), (1, 3)])
def test_where_one_weight_or_one_length_is_lost_none_is_said_to_be_the_greatest(lost: tuple[int, int]) -> None:
    words, rows = words_of("en"), np.full((3, 5), 0.2)
    assert importance._says_importance(Scene(), rows, words) != words("reading.says.lost")
    rows[lost] = np.nan
    assert importance._says_importance(Scene(), rows, words) == words("reading.says.lost")
