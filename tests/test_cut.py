"""Cut edges: the rest of a row makes up for them, all after follows, and the Scene keeps those that there are."""

from __future__ import annotations

import numpy as np
import pytest

import core
from core import ConfigError, Interventions, Scene, SceneError

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
