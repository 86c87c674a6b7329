"""Config: what it takes, what it refuses, and that each refusal names the field, the value and what would be right."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from support import configs, random_config, random_params, with_encoder

import core
from core import limits
from core.config import CHOICES, TYPES, RotaryScaling
from core.params import draw_of


@pytest.mark.parametrize(
    ("changes", "message", "at_fault"),
    [
        *(
            (dict.fromkeys([name], "tanh"), f"{name}: 'tanh' is not one of {', '.join(own)}", name)
            for name, own in CHOICES.items()
        ),
        (dict(d_model=True), "d_model: True is not of type int", "d_model"),
        (dict(d_model=64.0), "d_model: 64.0 is not of type int", "d_model"),
        (dict(n_kv_heads="2"), "n_kv_heads: '2' is not of type int | None", "n_kv_heads"),
        (dict(causal=1), "causal: 1 is not of type bool", "causal"),
        (dict(norm=None), "norm: None is not of type str", "norm"),
        (dict(norm_eps="1e-5"), "norm_eps: '1e-5' is not of type float", "norm_eps"),
        (dict(vocab_size=0), "vocab_size: 0 is below 1", "vocab_size"),
        (dict(n_ctx=-1), "n_ctx: -1 is below 1", "n_ctx"),
        (dict(d_model=0), "d_model: 0 is below 1", "d_model"),
        (dict(n_layers=0), "n_layers: 0 is below 1", "n_layers"),
        (dict(n_heads=0), "n_heads: 0 is below 1", "n_heads"),
        (dict(n_kv_heads=0), "n_kv_heads: 0 is below 1", "n_kv_heads"),
        (dict(d_head=0), "d_head: 0 is below 1", "d_head"),
        (dict(d_mlp=-4), "d_mlp: -4 is below 0", "d_mlp"),
        (dict(norm_eps=0.0), "norm_eps: 0.0 is not a finite number above 0", "norm_eps"),
        (dict(norm_eps=math.nan), "norm_eps: nan is not a finite number above 0", "norm_eps"),
        (dict(rotary_base=math.inf), "rotary_base: inf is not a finite number above 0", "rotary_base"),
        (dict(n_heads=3), "d_model: 64 does not divide into n_heads: 3; d_model 63 would", "n_heads"),
        (dict(d_model=2), "d_model: 2 does not divide into n_heads: 4; d_model 4 would", "d_model"),
        (dict(n_kv_heads=3), "n_kv_heads: 3 does not divide n_heads: 4", "n_kv_heads"),
        (dict(projections=False, n_kv_heads=2), "projections: without them Q = K = V = X", "n_kv_heads"),
        (dict(projections=False, d_head=8), "n_heads * d_head must equal d_model", "d_head"),
        (dict(positions="rotary", d_model=12), "here d_head is 3 and rotary_dim is None", "positions"),
        (dict(positions="rotary", rotary_dim=18), "here d_head is 16 and rotary_dim is 18", "rotary_dim"),
        (dict(positions="rotary", rotary_dim=0), "here d_head is 16 and rotary_dim is 0", "rotary_dim"),
        (dict(final_norm=True), "norm: 'none' goes with neither embed_norm nor final_norm", "norm"),
        (dict(embed_norm=True), "norm: 'none' goes with neither embed_norm nor final_norm", "norm"),
        (dict(parallel=True, norm="layer", norm_at="post"), "parallel: is defined for norm_at 'pre' only", "parallel"),
        (dict(gated=True, d_mlp=0), "gated: there is no MLP to gate while d_mlp is 0", "gated"),
        (dict(tied_unembed=True), "unembed: is False, so tied_unembed and unembed_bias must be False too", "unembed"),
        (dict(unembed_bias=True), "unembed: is False", "unembed"),
        (dict(vocab_size=10**9), "64,000,032,768 parameters exceed 1,300,000,000", "vocab_size"),
        (dict(n_layer=3), "n_layer: Config has no such field; it has vocab_size, n_ctx", "n_layer"),
    ],
)
def test_refused(changes, message, at_fault):
    with pytest.raises(core.ConfigError) as error:
        core.Config().replace(**changes)
    assert message in str(error.value)
    assert at_fault in error.value.fields
    assert isinstance(error.value, core.FibraError) and isinstance(error.value, ValueError)


@pytest.mark.parametrize("name", TYPES)
def test_a_wrong_type_is_refused_in_every_field(name):
    with pytest.raises(core.ConfigError, match=f"^{name}: "):
        core.Config(**{name: []})


@pytest.mark.parametrize("scaling, field", [
    (dict(kind="longrope"), "kind: 'longrope'"), (dict(factor=0), "factor: 0"), (dict(factor="2"), "factor: '2'"),
    (dict(trained=0), "trained: 0"), (dict(trained=1.5), "trained: 1.5"), (dict(slow=32.0), "slow: 32.0 is not below"),
    (dict(magnitude=math.nan), "magnitude: nan"), (dict(whole=1), "whole: 1"),
])  # fmt: skip
def test_a_scaling_of_angles_that_cannot_be(scaling, field):
    with pytest.raises(core.ConfigError, match=f"^rotary_scaling: {field}"):
        RotaryScaling(**dict(kind="yarn", factor=2.0, trained=8) | scaling)


def test_a_scaling_that_one_pair_does_not_have():
    for scaling, sizes in (
        (RotaryScaling("dynamic", 2, 4), {"rotary_dim": 2}),
        (RotaryScaling("yarn", 2, 4), {"rotary_base": 1.0}),
    ):
        with pytest.raises(core.ConfigError, match="rotary_scaling: "):
            core.Config(positions="rotary", rotary_scaling=scaling, **sizes)


def test_every_choice_is_accepted():
    for name, choices in CHOICES.items():
        for choice in choices:
            assert getattr(core.Config(**{name: choice}), name) == choice


def test_the_random_models_of_the_tests_draw_every_field():
    """A variant that they never are would go through every test of the forward, the backward and the explanations."""
    drawn: dict[str, set] = {name: set() for name in TYPES}
    for seed in range(300):
        draw = random.Random(seed)
        config = random_config(draw)
        for one in (config, with_encoder(config, draw)):
            for name in TYPES:
                drawn[name].add(getattr(one, name))
    # A room, a guard against 0, and what starts or learns otherwise: the forward is the same.
    assert {name for name, values in drawn.items() if len(values) < 2} == {"n_ctx", "norm_eps", "padding_id", "init"}


def test_what_is_drawn_alike_is_drawn_from_alike_configs():
    """Drawn weights are kept by what decides the draw: no field that alters them may be missing there."""
    found: dict[tuple, dict] = {}
    for seed in range(40):
        drawn = random_config(random.Random(seed))
        fields = {"embed_scale": not drawn.embed_scale, "causal": not drawn.causal, "init": "unit", "norm_at": "pre"}
        fields |= {"tied_unembed": drawn.unembed, "scale": not drawn.scale, "activation": "silu"}
        for config in (drawn, *(drawn.replace(**{name: value}) for name, value in fields.items())):
            params = core.init_params(config)
            alike = found.setdefault(draw_of(config), params)
            assert alike.keys() == params.keys() and all(np.array_equal(alike[name], params[name]) for name in params)


def test_a_config_cannot_change():
    with pytest.raises(AttributeError):
        core.Config().d_model = 3


def test_sizes_that_follow():
    c = core.Config(d_model=64, n_heads=8)
    assert (c.kv_heads, c.head_width, c.rotary_width) == (8, 8, 8)
    c = c.replace(n_kv_heads=2, d_head=10, rotary_dim=4, positions="rotary")
    assert (c.kv_heads, c.head_width, c.rotary_width) == (2, 10, 4)


@given(configs)
def test_parameters_are_counted_and_ordered(config):
    shapes = core.param_shapes(config)
    params = core.init_params(config)
    assert {name: p.shape for name, p in params.items()} == shapes
    assert config.n_parameters() == sum(p.size for p in params.values())
    core.check_params(random_params(config, 0), config)
    assert next(iter(shapes)) == "embed.W_E"
    assert ("unembed.W_U" in shapes) == (config.unembed and not config.tied_unembed)


def test_gpt2_small_has_its_published_size():
    config = core.Config(
        **dict(vocab_size=50257, n_ctx=1024, d_model=768, n_layers=12, n_heads=12, d_mlp=3072, positions="learned"),
        **dict(norm="layer", final_norm=True, qkv_bias=True, out_bias=True, mlp_bias=True, unembed=True),
        tied_unembed=True,
    )
    assert config.n_parameters() == 124_439_808


def test_limits_state_their_memory():
    largest = core.Config(
        d_model=limits.D_MODEL[1], n_heads=limits.HEADS[1], n_layers=limits.LAYERS[1], d_mlp=limits.D_MLP[1], gated=True
    )
    assert largest.n_parameters() < 12.9e6
