"""A patch puts an array in the place of what the model computes: the rest is as if it had been computed by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from by_hand import forward as by_hand
from support import random_config, random_params

import core
from core import Interventions
from core.interpret import (
    difference,
    head_effects,
    key_effects,
    patched_differences,
    put_in,
    relative_change,
    rollout,
    value_weighted,
)
from core.interventions import PARTS

SEEDS = range(24)
N = 5


def case(seed: int):
    """A Config, parameters, two sentences' embeddings, and interventions besides the patch."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    config = random_config(draw)
    off = frozenset(draw.sample(PARTS, draw.choice([0, 0, 1, 2])))
    gone = frozenset({(0, 0)} if draw.random() < 0.3 else ())
    change = Interventions(draw.choice((1.0, 0.7)), gone, off)
    clean, other = rng.standard_normal((2, N, config.d_model))
    return config, random_params(config, seed), clean, other, change, rng


def hand(params, config, x, change, name="", index=(), value=None):
    """Every array of a run by hand, with one of them replaced."""
    arrays: dict[str, np.ndarray] = {}

    def see(at: str, array: np.ndarray) -> np.ndarray:
        if at == name:
            array = np.array(array)
            array[index] = value
        arrays[at] = array
        return array

    by_hand(params, config, x, see, off=change.off, ablated=change.ablated, temperature=change.temperature)
    return arrays


def some(shape: tuple[int, ...], rng: np.random.Generator):
    """A place in an array: all of it, one entry of its first axis, or one row."""
    return [(), (int(rng.integers(shape[0])),), (..., int(rng.integers(shape[-2])), slice(None))][rng.integers(3)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_name_can_be_patched(seed):
    config, params, clean, other, change, rng = case(seed)
    trace = core.forward(params, config, embeddings=clean, interventions=change)
    there = core.forward(params, config, embeddings=other, interventions=change)
    assert {*hand(params, config, clean, change)} == {*trace}
    for name in trace:
        index = some(trace[name].shape, rng)
        value = there[name][index]
        patched = core.forward(
            params, config, embeddings=clean, interventions=replace(change, patch={name: (index, value)})
        )
        expected = hand(params, config, clean, change, name, index, value)
        for at, array in expected.items():
            assert np.allclose(patched[at], array, rtol=1e-9, atol=1e-10), (name, at)
        names = [*trace]
        for at in names[: names.index(name)]:
            assert np.array_equal(patched[at], trace[at]), (name, at)


@pytest.mark.parametrize("seed", SEEDS)
def test_restoring_everything_gives_the_clean_run_to_the_bit(seed):
    config, params, clean, other, change, _ = case(seed)
    params = {name: p.astype(np.float32) for name, p in params.items()}
    clean, other = clean.astype(np.float32), other.astype(np.float32)
    trace = core.forward(params, config, embeddings=clean, interventions=change)
    whole = core.forward(params, config, embeddings=other, interventions=replace(change, patch=dict(trace)))
    assert all(np.array_equal(whole[name], trace[name]) for name in trace)
    first = core.forward(params, config, embeddings=other, interventions=replace(change, patch={"embed": clean}))
    assert all(np.array_equal(first[name], trace[name]) for name in trace)


@pytest.mark.parametrize("seed", SEEDS)
def test_backward_follows_a_patch_or_refuses_it_by_name(seed):
    """What stands before a patched number no longer moves the loss: gradients are those of central differences."""
    config, params, clean, other, change, rng = case(seed)
    change = replace(change, off=change.off - {"softmax", "W_V", "W_O"})
    there = core.forward(params, config, embeddings=other, interventions=change)
    for name in rng.permutation([*there])[:6]:
        index = some(there[name].shape, rng)
        patched = replace(change, patch={name: (index, there[name][index])})
        trace = core.forward(params, config, embeddings=clean, interventions=patched)
        last = [*trace][-1]
        upstream = {last: rng.standard_normal(trace[last].shape)}
        if name.endswith((".pattern", ".normalized")):
            with pytest.raises(core.ConfigError, match=f"patch: backward reads {name}"):
                core.backward(params, config, trace, upstream=upstream)
            continue
        grads = core.backward(params, config, trace, upstream=upstream, activations=True)
        step = 1e-6 * rng.standard_normal(clean.shape)
        losses = [
            np.vdot(core.forward(params, config, embeddings=x, interventions=patched)[last], upstream[last])
            for x in (clean + step, clean - step)
        ]
        embed = grads["embed"].copy()
        if name == "embed":
            embed[index] = 0
        assert losses[0] - losses[1] == pytest.approx(2 * np.vdot(embed, step), rel=1e-4, abs=1e-8), name


def test_a_cut_edge_is_not_looked_along():
    preset = core.PRESETS["gpt"]
    params, x = core.init_params(preset.config), np.random.default_rng(0).standard_normal((5, 64))
    at = "blocks.1.attn."
    heads, queries, keys = [0, 0, 2], [3, 3, 4], [0, 1, 4]
    cut = Interventions(patch={at + "scores_masked": ((heads, queries, keys), -np.inf)})
    trace, clean = (core.forward(params, preset.config, embeddings=x, interventions=i) for i in (cut, Interventions()))
    assert not trace[at + "pattern"][heads, queries, keys].any()
    expected = np.array(clean[at + "pattern"])
    expected[heads, queries, keys] = 0
    expected /= expected.sum(-1, keepdims=True)
    assert np.allclose(trace[at + "pattern"], expected)
    batch = core.forward(params, preset.config, embeddings=np.stack([x, x]), interventions=cut)
    assert np.allclose(batch[at + "pattern"], trace[at + "pattern"])
    flat = core.forward(params, preset.config, embeddings=x, interventions=replace(cut, off=frozenset({"softmax"})))
    assert np.allclose(flat[at + "pattern"][0, 3], [0, 0, 0.5, 0.5, 0])


def patched_runs(seed: int, **more):
    """What `case` gives, its clean run with one patch that a Scene may say, and that run by hand: by what `alter` does
    to a layer's z."""
    config, params, clean, other, change, rng = case(seed)
    config, off = config.replace(**more), change.off - {"mlp"}
    params, change = random_params(config, seed), replace(change, off=off)
    there = core.forward(params, config, embeddings=other, interventions=change)
    layer, head, at = int(rng.integers(config.n_layers)), int(rng.integers(config.n_heads)), int(rng.integers(N))
    places = {"resid_pre": [(), (at,)], "attn.z": [(), (head,), (head, at)], "mlp_out": [(), (at,)]}
    for kind, indices in places.items():
        name = f"blocks.{layer}.{kind}"
        for index in indices if name in there else ():
            patch = replace(change, patch={name: (index, there[name][index])})

            def run(z: str, alter, name=name, index=index):
                def see(at: str, array: np.ndarray) -> np.ndarray:
                    array = np.array(array)
                    if at == name:
                        array[index] = there[name][index]
                    if at == z:
                        alter(array)
                    arrays[at] = array
                    return array

                arrays: dict[str, np.ndarray] = {}
                by_hand(params, config, clean, see, off=off, ablated=change.ablated, temperature=change.temperature)
                return arrays

            trace = core.forward(params, config, embeddings=clean, interventions=patch)
            yield config, params, trace, run, (name, index), rng


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_patched_run_heads_and_keys_are_worth_what_runs_by_hand_say(seed):
    """What was put in stays; but where it is the head's own output, that is what the head gives there, and no key's."""
    for config, params, trace, run, (name, index), rng in patched_runs(seed):
        last = f"blocks.{config.n_layers - 1}.resid_post"
        effects = head_effects(params, config, trace)
        for layer, head in np.ndindex(config.n_layers, config.n_heads):
            after = run(f"blocks.{layer}.attn.z", lambda z, head=head: z[head].fill(0))[last]
            assert np.allclose(effects[layer, head], relative_change(trace[last], after), rtol=1e-7, atol=1e-10), name
        layer, head, query = (int(rng.integers(n)) for n in (config.n_layers, config.n_heads, N))
        if name == f"blocks.{layer}.attn.z" and len(index) == 2:
            head, query = index
        at = f"blocks.{layer}.attn."
        own = np.zeros((config.n_heads, N), bool)
        if name == at + "z":
            own[index] = True
        carries = trace[at + "pattern"][head, query][:, None] * trace[at + "v"][config.kv_head_of(head)]
        if head in trace.interventions.ablated_in(layer) or own[head, query]:
            carries = 0 * carries
        found = key_effects(params, config, trace, layer, head, query)
        for key in range(N):

            def leave(z: np.ndarray, carried=carries[key], at=(head, query)) -> None:
                z[at] -= carried

            after = run(at + "z", leave)[last]
            moved = relative_change(trace[last], after)[query]
            assert found[key] == pytest.approx(moved, rel=1e-7, abs=1e-10), (name, index, key)
        gone = {"W_O"} & trace.interventions.off or not config.projections
        W_O = np.eye(config.n_heads * config.head_width, config.d_model) if gone else params[at + "W_O"]
        W_O = W_O.reshape(config.n_heads, config.head_width, -1)[head]
        lengths = np.linalg.norm(carries @ W_O, axis=-1)
        assert np.allclose(value_weighted(params, config, trace, layer)[head, query], lengths, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_put_in_comes_from_no_token_in_a_rollout(seed, residual):
    """As if it stood in a column of its own, to which whatever was put in leads, and from which nothing goes on."""
    for config, _, trace, _, (name, index), _ in patched_runs(seed, residual=residual):
        patterns = np.stack([trace[f"blocks.{i}.attn.pattern"] for i in range(config.n_layers)]).astype(np.float64)
        whole, ablated = np.eye(N + 1), trace.interventions.ablated
        for i, a in enumerate(patterns):
            enters = np.eye(N + 1)
            if name == f"blocks.{i}.resid_pre":
                enters[:N][index] = np.eye(N + 1)[N]
            heads = np.zeros((config.n_heads, N + 1, N + 1))
            heads[:, :N, :N], heads[:, N, N] = a, 1
            off = [head for layer, head in ablated if layer == i]
            heads[off] = np.eye(N + 1)
            if name == f"blocks.{i}.attn.z":
                heads[:, :N][index] = np.eye(N + 1)[N]
            step = 0.5 * heads.mean(0) + 0.5 * np.eye(N + 1)
            if not residual:
                step = np.delete(heads, off, 0).sum(0) / max(config.n_heads - len(off), 1)
            whole = step @ enters @ whole
        found = rollout(patterns, residual, ablated, put_in(trace, config.n_layers))[-1]
        assert np.allclose(found, whole[:N, :N])
        if residual:
            assert np.allclose(whole.sum(1), 1)
            assert np.allclose(found.sum(1), 1) == name.endswith("mlp_out")


def test_what_cannot_be_patched_is_refused_by_name():
    config = core.Config(vocab_size=9, n_ctx=8, d_model=8, n_layers=2, n_heads=2, causal=True, unembed=True)
    params, ids = core.init_params(config), np.arange(4)

    def run(patch, **more):
        core.forward(params, config, ids, interventions=Interventions(patch=patch), **more)

    z = "blocks.1.attn.z"
    for patch, message in (
        ({"blocks.1.attn.zz": 0.0}, "patch: 'blocks.1.attn.zz' is not a name"),
        ({"blocks.0.mlp.pre": 0.0}, "patch: 'blocks.0.mlp.pre' is not a name that this model records"),
        ({z: np.zeros((3, 3))}, rf"patch: {z}, of shape \(2, 4, 4\), takes no \(3, 3\)"),
        ({z: ((0, 9), 0.0)}, rf"patch: \(0, 9\) of {z}, of shape \(2, 4, 4\)"),
        ({z: "x"}, "patch: 'x' is not an array of numbers"),
        ({5: 0.0}, "patch: 5 is not a text"),
        ({"blocks.0.attn.scores_masked": ((1, 0), -np.inf)}, r"leaves query 0 of head 1 no key"),
    ):
        with pytest.raises(core.ConfigError, match=message):
            run(patch)
    with pytest.raises(core.ConfigError, match=f"patch: of {z}; a cache"):
        run({z: 0.0}, cache=core.Cache(config))
    with pytest.raises(core.ConfigError, match=f"patch: of {z}; a cache"):
        core.generate(params, config, ids, 2, interventions=Interventions(patch={z: 0.0}))


def test_a_patch_never_changes_after_it_was_made():
    heads, value = [0], np.ones((1, 4, 4))
    change = Interventions(patch={"blocks.0.attn.z": ((heads,), value)})
    heads[0] = 1
    value += 1
    patch = change.patch["blocks.0.attn.z"]
    assert patch.index[0].tolist() == [0] and patch.value.max() == 1 and hash(change) == hash(replace(change))
    assert replace(change) == change != Interventions()


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_the_maps_are_runs_with_a_patch(seed):
    """Every cell is what `forward` gives with that patch from the beginning on; a shared prefix changes nothing."""
    config, params, clean, other, change, rng = case(seed)
    config = config.replace(unembed=True)
    params = random_params(config, seed)
    target, source = (core.forward(params, config, embeddings=x, interventions=change) for x in (clean, other))
    pair, head = (1, 3), int(rng.integers(config.n_heads))
    for layer in range(config.n_layers):
        at = f"blocks.{layer}."
        cells = {
            "stream": [(at + "resid_pre", (p,)) for p in range(N)],
            "heads": [(at + "attn.z", (h,)) for h in range(config.n_heads)],
            "words": [(at + "attn.z", (head, p)) for p in range(N)],
            "mlp": [(at + "mlp_out", ())],
        }
        for what, places in cells.items():
            if places[0][0] not in target:
                continue
            found = patched_differences(params, config, target, source, pair, what, layer, head)
            for value, (name, index) in zip(found, places, strict=True):
                patch = replace(change, patch={name: (index, source[name][index])})
                run = core.forward(params, config, embeddings=clean, interventions=patch)
                assert value == pytest.approx(difference(run, pair), rel=1e-9, abs=1e-9), (what, layer, name, index)


def test_the_maps_of_two_stacks_are_runs_with_a_patch():
    """Of the encoder, of cross-attention, and of the decoder itself."""
    scene = core.Scene(model="seq2seq", sentence="a b c d").override(n_layers=2)
    config, ids, change = scene.whole, np.arange(3), Interventions(temperature=0.7, ablated=frozenset({(1, 2)}))
    params = {name: np.asarray(x, np.float64) for name, x in core.init_params(config).items()}
    sources = [np.array([1, 2, 3, 4]), np.array([1, 7, 3, 9])]
    target, source = (core.forward(params, config, ids, source=one, interventions=change) for one in sources)
    names = {
        **{"encoder": "encoder.blocks.{}.resid_pre", "cross": "blocks.{}.cross.z", "stream": "blocks.{}.resid_pre"},
        **{"heads": "blocks.{}.attn.z", "words": "blocks.{}.attn.z", "mlp": "blocks.{}.mlp_out"},
    }
    for (what, name), layer in product(names.items(), range(2)):
        name = name.format(layer)
        found = patched_differences(params, config, target, source, (5, 6), what, layer, 1)
        for at, value in enumerate(found):
            index = {"mlp": (), "words": (1, at)}.get(what, (at,))
            patch = replace(change, patch={name: (index, source[name][index])})
            run = core.forward(params, config, ids, source=sources[0], interventions=patch)
            assert value == pytest.approx(difference(run, (5, 6)), rel=1e-9, abs=1e-9), (what, layer, index)
    with pytest.raises(core.ConfigError, match=r"what: 'cross' of layer 0 is no array of this model"):
        about = core.forward(params, config, ids, source=sources[0], interventions=Interventions(off={"cross"}))
        patched_differences(params, config, about, about, (5, 6), "cross", 0)


def test_the_maps_refuse_sentences_of_different_lengths():
    config, _, clean, other, _, _ = case(0)
    config = config.replace(unembed=True)
    params = random_params(config, 0)
    long, short = (core.forward(params, config, embeddings=x) for x in (clean, other[:-1]))
    with pytest.raises(core.ConfigError, match=r"source: .* the sentences differ in length"):
        patched_differences(params, config, long, short, (0, 1), "stream", 0)


def test_what_nobody_asked_for_is_not_unembedded(monkeypatch):
    config, params, clean, _, _, rng = case(0)
    config = config.replace(unembed=True)
    params = random_params(config, 0)
    value = rng.standard_normal((N, config.vocab_size))
    patched = Interventions(patch={"logits": value})
    trace = core.forward(params, config, embeddings=clean, interventions=patched, names=["embed"])
    assert [*trace] == ["embed"]  # and the patch has its place
    assert np.array_equal(core.forward(params, config, embeddings=clean, interventions=patched)["logits"], value)
    monkeypatch.delattr("core.model.unembed")
    assert [*core.forward(params, config, embeddings=clean, names=["embed"])] == ["embed"]
    for names in (["logits"], ["log*"], None):
        with pytest.raises(NameError):
            core.forward(params, config, embeddings=clean, names=names)
