"""Cut edges: the rest of a row makes up for them, all after follows, and the Scene keeps those that there are."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core import ConfigError, Interventions, Scene, SceneError
from core.interpret import relative_change
from pictures import cuts
from pictures.words import words_of

GPT = Scene(model="gpt", sentence="o gato viu o rato").override(n_layers=2, d_model=16, d_mlp=16)
EDGES = ((0, 1, 3, 0), (0, 1, 3, 2), (1, 0, 4, 4))


@pytest.mark.parametrize(
    "scene",
    [GPT, GPT.switch(mask=False), GPT.switch(softmax=False), Scene()],
    ids=["gpt", "mask", "softmax", "penguins"],
)
def test_a_cut_edge_carries_nothing_and_the_others_make_up_for_it(scene):
    edges = EDGES if scene.model == "gpt" else ((0, 0, 3, 0), (0, 0, 3, 2))
    trace, cut = core.run(scene).trace, core.run(scene.turn(cut=edges)).trace
    before, after = (np.array(one["blocks.0.attn.pattern"]) for one in (trace, cut))
    head = edges[0][1]
    gone = before[head, 3].copy()
    gone[[0, 2]] = 0
    np.testing.assert_allclose(after[head, 3], gone / gone.sum(), rtol=1e-5)
    after[head, 3] = before[head, 3]
    np.testing.assert_array_equal(after, before)
    patch = {f"blocks.{edge[0]}.attn.scores_masked": [] for edge in edges}
    for layer, *place in edges:
        patch[f"blocks.{layer}.attn.scores_masked"].append(place)
    patch = {name: (tuple(map(list, zip(*places, strict=True))), -np.inf) for name, places in patch.items()}
    own, run = scene.interventions, core.run(scene)
    by_patch = Interventions(own.temperature, own.ablated, own.off, patch)
    other = core.forward(run.params, scene.whole, embeddings=run.embeddings, interventions=by_patch)
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    np.testing.assert_array_equal(cut[last], other[last])
    assert not np.array_equal(cut[last], trace[last])


def test_a_cache_cuts_the_same_edges():
    run, cut = core.run(GPT), GPT.turn(cut=EDGES).interventions
    given = {"embeddings": run.embeddings, "max_new_tokens": 3, "interventions": cut}
    steps = [[*core.generate(run.params, run.config, **given, cache=kept)] for kept in (True, False)]
    for one, other in zip(*steps, strict=True):
        np.testing.assert_allclose(one.distribution.logits, other.distribution.logits, rtol=1e-4, atol=1e-5)


def test_gradients_go_around_what_is_cut():
    run = core.run(GPT.turn(cut=EDGES))
    params = {name: np.asarray(x, np.float64) for name, x in run.params.items()}

    def loss(changed: dict[str, np.ndarray]) -> tuple[core.Trace, float, np.ndarray]:
        trace = core.forward(changed, run.config, run.encoding.ids, interventions=GPT.turn(cut=EDGES).interventions)
        return trace, *core.cross_entropy(trace["logits"][:-1], run.encoding.ids[1:])

    trace, _, dlogits = loss(params)
    grads = core.backward(params, run.config, trace, np.pad(dlogits, ((0, 1), (0, 0))))
    for name in ("blocks.0.attn.W_K", "blocks.1.attn.W_V"):
        sides = []
        for step in (1e-5, -1e-5):
            moved = params[name].copy()
            moved[2, 3] += step
            sides.append(loss(params | {name: moved})[1])
        assert grads[name][2, 3] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-5)


def test_a_scene_keeps_the_edges_that_there_are():
    scene = GPT.turn(cut={*EDGES})
    assert scene.to_query()["cut"] == "0.1.3.0,0.1.3.2,1.0.4.4"
    assert Scene.from_query(scene.to_query()) == (scene, ())
    assert scene.turn(sentence="o gato viu o cão").cut == EDGES[:2]  # the last word is another
    assert scene.override(n_layers=1).cut == EDGES[:2] and scene.switch(mask=False).cut == EDGES
    assert scene.restored().cut == () and GPT.turn(cut=[(0, 0, 1, 4)]).cut == ()  # behind the mask
    for wrong in (((0, 0, 0, 0),), ((0, 0, 9, 0),), ((5, 0, 1, 0),), ((0, 0, 1, 0), (0, 0, 1, 1))):
        with pytest.raises(SceneError, match="cut"):
            Scene(**{f: getattr(GPT, f) for f in ("model", "sentence", "overrides")}, cut=wrong)
    assert not GPT.can_cut((0, 0, 0, 0)) and GPT.can_cut((0, 0, 1, 1)) and GPT.turn(cut=wrong).cut == wrong[:1]


def test_wrong_edges_are_named():
    run = core.run(GPT)
    for cut, why in (([(0, 0, 1)], "cut"), ([(0, 9, 1, 0)], "cut: head 0.9"), ([(0, 0, 0, 0)], "no key")):
        with pytest.raises(ConfigError, match=why):
            change = Interventions(cut=frozenset(cut))
            core.forward(run.params, run.config, run.encoding.ids, interventions=change)


@pytest.mark.parametrize(
    "scene", [GPT.turn(layer=1, head=1, threshold=0.2), Scene(), Scene(model="alice", layer=2)], ids=str
)
def test_a_list_offers_the_heaviest_fibres_that_may_be_cut(scene):
    """Of the chosen head, above the threshold, those that are cut first; a query's last key is none of them."""
    if scene.model == "alice":
        scene = scene.turn(sentence="she said to the king and to the queen of hearts", threshold=0.0)
    layer, head = scene.place
    a = core.run(scene).trace[f"blocks.{layer}.attn.pattern"][head]
    weights = {place: float(a[place]) for place in np.ndindex(a.shape)}
    sees = {query: sum(q == query and w > 0 for (q, _), w in weights.items()) for query in range(len(a))}
    heavy = sorted((place for place in weights if weights[place] > scene.threshold), key=lambda p: -weights[p])
    offered = cuts.to_choose(scene)
    assert offered == [(layer, head, *place) for place in heavy[:60] if sees[place[0]] > 1] and len(offered) > 3
    cut = scene.turn(cut=(offered[2],))
    rest = cuts.to_choose(cut)
    assert rest[0] == offered[2] and offered[2] not in rest[1:]
    assert all(edge[:2] == (layer, head) for edge in rest), "a cut one of another head would stand first all the same"
    elsewhere = cut.turn(layer=0, head=0) if scene.place != (0, 0) else None
    assert elsewhere is None or cuts.to_choose(elsewhere)[0] == offered[2] != cuts.to_choose(elsewhere)[1]


def test_a_click_on_a_fibre_is_that_edge_and_one_on_a_word_is_none():
    n, edges = len(GPT.tokens), [*np.ndindex(2, 4, len(GPT.tokens), len(GPT.tokens))]
    assert GPT.config.n_heads == 4
    found = [cuts.edge_at({"customdata": code}, GPT) for code in range(n + len(edges) + 2)]
    assert found == [None] * n + edges + [None, None]
    assert cuts.edge_at({}, GPT) is None is cuts.edge_at({"customdata": 200}, Scene(model="translator"))


@pytest.mark.parametrize("sentence", ["o gato", "o gato viu o rato e o peixe"])
def test_bars_of_what_is_lost_are_the_words_that_moved_most(sentence):
    """Of a model that names no next word: four at most, as they stand in the sentence."""
    scene = Scene(model="encoder_full", sentence=sentence, cut=((0, 0, 1, 0), (0, 1, 0, 1)))
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    whole, after = (core.run(one).trace[last].astype(np.float64) for one in (scene.turn(cut=()), scene))
    moved = np.linalg.norm(after - whole, axis=1) / np.linalg.norm(whole, axis=1)
    assert np.allclose(moved, relative_change(whole, after))
    picture = cuts.lost(scene, words_of("en"))
    bars = picture.figure["data"][0]
    expected = np.sort(moved)[-4:]
    assert sorted(np.asarray(bars["x"]).tolist()) == pytest.approx(expected.tolist(), rel=1e-4)
    places = [number[1][0] for number in picture.numbers.numbers]
    assert places == sorted(places) and np.asarray(bars["x"]).tolist() == pytest.approx(
        moved[places].tolist(), rel=1e-4
    )
    assert f"{100 * moved.max():.1f}%" in picture.says and scene.tokens[int(moved.argmax())] in picture.says
    assert cuts.bars_height(scene) >= 30 * len(places)
    still = scene.turn(cut=())
    assert cuts.lost(still, words_of("en")).numbers is None and not np.any(
        cuts.lost(still, words_of("en")).figure["data"][0]["x"]
    )


@pytest.mark.parametrize(
    "cut", [(), EDGES, ((0, 1, 3, 0),), tuple((i, h, 4, k) for i in (0, 1) for h in range(4) for k in range(4))]
)
def test_the_answer_s_bars_are_its_probability_with_the_fibres_and_without(cut):
    scene, tokens, words = GPT.turn(cut=cut), len(GPT.tokens), words_of("en")
    shares = []
    for one in (GPT, scene):
        logits = core.run(one).trace["logits"][-1].astype(np.float64)
        shares.append(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    answer, now = (int(share.argmax()) for share in shares)
    picture = cuts.lost(scene, words)
    bars = np.asarray(picture.figure["data"][0]["x"]).tolist()
    assert bars == pytest.approx([share[answer] for share in shares], rel=1e-5)
    assert picture.numbers.numbers[1] == ("probability.logits", (tokens - 1, answer))
    begins = "uncut." if cut else ""
    assert picture.numbers.numbers[0] == (f"{begins}probability.logits", (tokens - 1, answer))
    written = [f"{100 * share[answer]:.1f}%" for share in shares[: 1 + bool(cut)]]
    assert all(text in picture.says for text in written)
    assert (f"{100 * shares[1][now]:.1f}%" in picture.says) or now == answer or not cut
    assert ("still the likeliest" in picture.says) == (bool(cut) and now == answer)
    assert (words("cut.says.none", word="", before=0).partition(" ")[0] == picture.says.partition(" ")[0]) == (not cut)


def test_what_was_lost_is_shown_where_the_page_cuts_and_of_one_stack():
    shown = [GPT.turn(cutting=True), GPT.turn(cut=EDGES), GPT.turn(cut=EDGES, cutting=True)]
    assert all(map(cuts.is_cut_here, shown)) and not cuts.is_cut_here(GPT)
    assert not cuts.is_cut_here(Scene(model="translator", cutting=True))
    exploded = Scene(model="encoder", cut=((0, 0, 1, 0),)).override(n_layers=12, d_model=64)
    lost = [cuts.lost(one, words_of("en")) for one in (exploded, exploded.turn(cut=()))]
    assert all(not len(one.figure["data"][0]["x"]) and "float32" in one.says for one in lost)
