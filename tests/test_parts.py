"""Every part taken out, alone and in pairs, of every preset: what then runs, and what the Scene makes of it."""

from __future__ import annotations

import re
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import CONFIGS, configs, random_params, random_scenes, sourced

import core
from core import PRESETS, Interventions, Scene
from core.interventions import ADDED, EVERY_PART, PARTS, TAKEN_OUT, WITHOUT, parts_of, without
from core.train.gradcheck import gradcheck
from pictures.pinned import differences
from pictures.words import words_of

OFF = [frozenset(off) for n in (0, 1, 2) for off in combinations(PARTS, n)]
MODELS = {name: preset.config for name, preset in PRESETS.items()} | CONFIGS
seeds = st.integers(0, 2**31)


def run(config: core.Config, off: frozenset[str], seed: int = 1) -> tuple[dict, np.ndarray, core.Trace]:
    """Parameters none of which is at its start, ids and the trace."""
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, 6)
    return params, ids, core.forward(params, config, ids, **sourced(config, 6), interventions=Interventions(off=off))


# ------------------------------------------------------------------------------------------------------ exhaustively


def finite(scene: Scene) -> bool:
    """All numbers of the run, the -inf above the diagonal of a masked score excepted."""
    run = core.run(scene)
    seen = np.tri(len(scene.tokens if run.target is None else run.target), dtype=bool)
    own = re.compile(r"blocks\.\d+\.attn\.scores_masked")  # only a decoder's looks at itself are masked
    arrays = (array[..., seen] if own.fullmatch(name) else array for name, array in run.trace.items())
    return all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize("model", PRESETS)
def test_every_part_and_every_pair_of_every_preset_is_finite(model):
    """The penguins to the GPT in float32, as the pages run them; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for off in OFF:
            scene = Scene(model=model, off=tuple(sorted(off)))
            assert finite(scene), off


@pytest.mark.parametrize("model", [name for name, preset in PRESETS.items() if not preset.trained])
def test_where_numbers_explode_they_do_so_once_and_for_all(model):
    """Unit weights in twelve layers: what leaves float32 is never finite again downstream, and nothing warns."""
    ends = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for off in OFF:
            scene = Scene(model=model, off=tuple(sorted(off))).override(init="unit", n_layers=12, residual=True)
            trace = core.run(scene).trace
            good = [bool(np.isfinite(trace[f"blocks.{i}.resid_post"]).all()) for i in range(12)]
            assert good == sorted(good, reverse=True), off
            ends[off] = good[-1]
    assert ends[frozenset()] == (PRESETS[model].config.norm != "none" or model == "penguins")
    assert ends[frozenset({"norm"})] == (model == "penguins")


@pytest.mark.parametrize("name", MODELS)
def test_a_part_that_is_not_there_changes_nothing(name):
    config = MODELS[name]
    _, _, whole = run(config, frozenset())
    for part in PARTS:
        _, _, changed = run(config, frozenset({part}))
        same = set(changed) == set(whole) and all(np.array_equal(changed[key], whole[key]) for key in whole)
        assert same != (part in parts_of(config)), part


# ------------------------------------------------------------------------------------------------ what each one means


@settings(max_examples=40)
@given(configs, seeds, st.sets(st.sampled_from([*WITHOUT])))
def test_off_is_the_config_without_it_on_the_same_weights(config, seed, off):
    params, ids, trace = run(config, frozenset(off), seed)
    expected = core.forward(params, without(config, off), ids)
    assert set(trace) == set(expected)
    assert all(np.array_equal(trace[name], expected[name]) for name in expected)
    names = " ".join(trace)
    assert "norm" not in off or ".scale" not in names
    assert "mlp" not in off or "mlp" not in names
    assert "positions" not in off or not {"pos_embed", "blocks.0.attn.rot_q"} & set(trace)


@settings(max_examples=40)
@given(configs, seeds)
def test_without_softmax_every_key_in_sight_counts_alike(config, seed):
    _, ids, trace = run(config, frozenset({"softmax"}), seed)
    seen = np.tri(len(ids)) if config.causal else np.ones((len(ids), len(ids)))
    expected = np.broadcast_to(seen / seen.sum(-1, keepdims=True), trace["blocks.0.attn.pattern"].shape)
    assert np.allclose(trace["blocks.0.attn.pattern"], expected, atol=1e-15)


@settings(max_examples=40)
@given(configs, seeds)
def test_identities_pass_slices_of_x(config, seed):
    config = config.replace(projections=True)
    _, _, trace = run(config, frozenset({"W_V", "W_O"}), seed)
    pre = config.norm != "none" and config.norm_at == "pre"
    x = trace["blocks.0.ln1.out" if pre else "blocks.0.resid_pre"]
    v, z, out = (trace[f"blocks.0.{name}"] for name in ("attn.v", "attn.z", "attn_out"))
    padded = np.pad(x, ((0, 0), (0, 64)))
    for head in range(config.kv_heads):
        assert np.array_equal(v[head], padded[:, head * config.head_width : (head + 1) * config.head_width])
    padded = np.pad(np.concatenate([*z], axis=-1), ((0, 0), (0, 64)))
    assert np.array_equal(out, padded[:, : config.d_model])


def test_an_unknown_part_is_named():
    with pytest.raises(core.ConfigError, match="off: 'W_X' is not one of scale, mask, softmax"):
        Interventions(off=frozenset({"W_X"}))
    with pytest.raises(core.SceneError, match="off: 'W_X' is not one of scale"):
        Scene(off=("W_X",))
    with pytest.raises(core.SceneError, match=r"off: .* is not a tuple, sorted, each once, of scale, mask"):
        Scene(off=("softmax", "mask"))


# ------------------------------------------------------------------------------------------------------------ backward


@pytest.mark.parametrize("name", ["gpt", "encoder_full", "gpt2-tiny", "bert-tiny", "llama-gqa"])
@pytest.mark.parametrize("part", WITHOUT)
def test_gradients_without_a_part(name, part):
    """What the part's own weights get is 0; the others against central differences."""
    config = MODELS[name].replace(d_model=8, n_heads=2, n_kv_heads=None, d_head=None, d_mlp=8, n_layers=1)
    change = Interventions(off=frozenset({part}))
    params = random_params(config, 1)
    given = {"embeddings": np.random.default_rng(2).standard_normal((6, 8)), "interventions": change}
    trace = core.forward(params, config, **given)
    last = [*trace][-1]
    upstream = np.random.default_rng(0).standard_normal(trace[last].shape)
    grads = core.backward(params, config, trace, upstream={last: upstream})
    used = core.param_shapes(without(config, {part}))
    assert list(grads) == list(params)
    assert all(not grads[key].any() for key in params if key not in used)

    def loss(t):
        return float(np.sum(t[last] * upstream)), {last: upstream}

    for key in ("blocks.0.attn.W_Q", "blocks.0.attn.W_V"):
        direction = np.random.default_rng(1).standard_normal(params[key].shape)
        assert gradcheck(params, config, loss, key, direction, step=1e-5, **given).error < 1e-6


@pytest.mark.parametrize("part", ["softmax", "W_V", "W_O"])
def test_backward_refuses_by_name_what_it_has_not(part):
    config = PRESETS["gpt"].config
    params, _, trace = run(config, frozenset({part}))
    with pytest.raises(core.ConfigError, match=f"off: backward does not go through a model without {part}"):
        core.backward(params, config, trace, np.zeros_like(trace["logits"]))


# ----------------------------------------------------------------------------------------------------------- the Scene


@pytest.mark.parametrize("model", PRESETS)
def test_a_switch_goes_there_and_back(model):
    """From the preset as it is: what it has goes off and comes back; what it lacks is added and goes as it came."""
    scene = Scene(model=model)
    for part in PARTS:
        first = scene.runs(part)
        turned = scene.switch(**{part: not first})
        assert turned.runs(part) == (not first if first or part in ADDED else first)
        assert turned.missing == ((part,) if first else ())
        assert turned.switch(**{part: first}).runs(part) == first
        back = turned.switch(**{part: first})
        assert back == scene or (not first and part not in ADDED and back.computed.config == scene.config)


def test_a_switch_and_an_override_are_one_knob():
    scene = Scene(model="gpt")
    assert scene.override(causal=False).missing == ("mask",) == scene.switch(mask=False).missing
    assert scene.override(causal=False).switch(mask=True) == scene
    assert scene.switch(mask=False).override(causal=True) == scene
    assert scene.switch(mlp=False).override(d_mlp=64) == scene.override(d_mlp=64)
    rms = scene.override(norm="rms")
    assert rms.switch(norm=False).switch(norm=True) == rms
    assert Scene().switch(norm=True).config.norm == "layer" and Scene().switch(norm=True).switch(norm=False) == Scene()


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_a_part_taken_out_has_one_spelling(draw):
    """Whatever else a reader turned: by override, by switch, by either in a constructor or a link, it is one Scene."""
    scene = draw.choice(random_scenes(6, draw.randint(0, 10**6)))
    for (field, value), part in TAKEN_OUT.items():
        out = scene.switch(**{part: False})
        assert not out.runs(part) and not {*out.overrides} & {*TAKEN_OUT}
        assert scene.override(**{field: value}) == out and {*out.off} <= {*parts_of(scene.preset.config)}
        expected = without(scene.whole, {*scene.off, part})
        assert out.config.replace(norm_at=expected.norm_at) == expected
        text = value if isinstance(value, str) else str(int(value))
        query = out.to_query()
        assert query.get(field) != text and Scene.from_query(query) == (out, ())
        old = Scene(model=scene.model, overrides=((field, value),))
        assert old == Scene(model=scene.model, off=(part,)) == Scene(model=scene.model).switch(**{part: False})
        for link in ({field: text}, {"off": part}, {field: text, "off": part}):
            assert Scene.from_query({"model": scene.model, **link}) == (old, ())


def test_old_links_are_written_back_in_the_one_spelling():
    old = {"scale": "0", "causal": "0", "positions": "none", "norm": "none", "residual": "0", "d_mlp": "0"}
    scene, notices = Scene.from_query({"model": "gpt", **old})
    assert not notices and scene.overrides == () and {*scene.off} == {*WITHOUT}
    assert scene.to_query() == {"model": "gpt", "off": "mask,mlp,norm,positions,residual,scale"}
    pinned, _ = Scene.from_query({"model": "gpt", "scale": "0", "pin": "1", "pin.scale": "", "pin.causal": "0"})
    assert (pinned.off, pinned.pinned.off) == (("scale",), ("mask",))
    assert pinned.to_query() == {"model": "gpt", "off": "scale", "pin": "1", "pin.off": "mask"}
    both, _ = Scene.from_query({"model": "gpt", "scale": "0", "off": "mlp", "pin": "1", "pin.off": "norm"})
    assert (both.off, both.pinned.off) == (("mlp", "scale"), ("norm", "scale"))
    said = [differences(Scene(model="gpt").pin().turn(**turn), words_of("en")) for turn in (
        {"off": ("mask",)}, {"overrides": (("causal", False),)},
    )]  # fmt: skip
    assert said[0] == said[1] != []


def test_what_an_override_adds_is_left_away_again():
    scene = Scene().override(
        norm="rms", norm_at="post", d_mlp=32, gated=True, causal=True, positions="rotary", d_model=8
    )
    assert scene.off == () and {"norm", "mlp", "mask", "positions"} <= {part for part in PARTS if scene.runs(part)}
    assert scene.switch(norm=False, mlp=False, mask=False, positions=False) == Scene().override(d_model=8)
    assert Scene(off=("mask", "mlp", "norm", "residual")) == Scene(), "it has none of these"
    assert Scene(off=("W_V",)) == Scene()
    assert Scene(off=("W_V",), overrides=(("projections", True),)).off == ("W_V",)


def test_weights_stay_when_a_part_goes():
    scene = Scene(model="gpt")
    before, after = (core.run(s).params for s in (scene, scene.switch(norm=False, mlp=False, positions=False)))
    assert set(before) == set(after) and all(np.array_equal(before[name], after[name]) for name in before)


def test_all_comes_back():
    scene = Scene(model="gpt", ablated=((0, 1),), temperature=0.5, off=("mlp", "softmax"), layer=2)
    scene = scene.override(causal=False, d_model=32, residual=False)
    assert scene.missing == ("mask", "softmax", "residual", "mlp")
    assert scene.restored() == Scene(model="gpt", layer=2).override(d_model=32)


def test_parts_in_the_address():
    scene = Scene(model="gpt", off=("norm", "residual"))
    assert scene.to_query() == {"model": "gpt", "off": "norm,residual"}
    assert Scene.from_query({"model": "gpt", "off": "residual,norm,norm"}) == (scene, ())
    got, notices = Scene.from_query({"model": "gpt", "off": "norm,warp"})
    assert got == Scene(model="gpt")
    assert [str(n) for n in notices] == [f"off: 'norm,warp' is not {', '.join(EVERY_PART)}; the default is shown"]
