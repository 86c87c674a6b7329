"""Rotary positions that reach further: read from config.json and from GGUF, and turned as transformers turns them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from gguf_files import write
from support import GOLDEN, random_params, tensors

import core
from core import Config
from core.config import RotaryScaling
from core.interpret import pair_angles
from core.ops.attention import causal_mask
from core.ops.positions import rotary_angles, rotary_rates, sinusoidal
from core.weights.fields import Fields
from core.weights.llama import llama

SCALED = [path.parent.name for path in GOLDEN.glob("*/config.json") if '"factor"' in path.read_text()]
SMALL = {"vocab_size": 10, "num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 1}
LLAMA32 = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def read(said: dict) -> Config:
    """The Config of a Llama's config.json."""
    return llama(Fields(SMALL | said)).config


def test_every_golden_one_is_scaled_and_would_not_pass_unscaled():
    kinds = set()
    for name in SCALED:
        model = core.load_pretrained(GOLDEN / name)
        kinds.add(model.config.rotary_scaling.kind)
        expected = tensors(GOLDEN / name / "expected.safetensors")
        plain = model.config.replace(rotary_scaling=None)
        found = core.forward(model.params, plain, expected["ids"], names=["logits"])["logits"]
        assert np.abs(found - expected["logits"]).max() > 1e-3 * np.abs(expected["logits"]).max()
    assert kinds == {"linear", "dynamic", "yarn", "llama3"}


def test_llama_3_s_rates_as_its_own_code_has_them():
    """Meta's apply_scaling, in plain numbers: a pair's wavelength decides."""
    scaling = read({"rope_theta": 500000.0, "rope_scaling": LLAMA32 | {"rope_type": "llama3"}}).rotary_scaling
    found = rotary_rates(5, 64, 500000.0, scaling)
    for i, rate in enumerate(found):
        plain = 500000.0 ** (-i / 32)
        length = 2 * math.pi / plain
        if length < 8192 / 4:
            assert rate == pytest.approx(plain, rel=1e-12)
        elif length > 8192:
            assert rate == pytest.approx(plain / 32, rel=1e-12)
        else:
            smooth = (8192 / length - 1) / 3
            assert rate == pytest.approx((1 - smooth) * plain / 32 + smooth * plain, rel=1e-12)
    assert pair_angles(np.array([0, 1, 7]), 64, 5e5, scaling)[2] == pytest.approx(7 * found)


def test_yarn_leaves_the_fast_pairs_and_divides_the_slow_ones():
    scaling = RotaryScaling("yarn", 4.0, 32768, magnitude=1.1386)
    rates, plain = (rotary_rates(9, 128, 1e6, how) for how in (scaling, None))
    assert (rates[:23] == plain[:23]).all() and rates[45:] == pytest.approx(plain[45:] / 4, rel=1e-12)
    assert (np.diff(rates / plain) <= 0).all()


@pytest.mark.parametrize(("base", "trained"), [(10.0, 1024), (10_000.0, 64)])
def test_where_yarn_s_ramp_begins_or_ends_past_the_pairs_it_is_cut(base, trained):
    """transformers' find_correction_range and linear_ramp_factor, in plain numbers."""
    low, high = (64 * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(base)) for turns in (32, 1))
    assert low < 0 or high > 63
    low, high = max(math.floor(low), 0), min(math.ceil(high), 63)
    found = rotary_rates(9, 64, base, RotaryScaling("yarn", 4.0, trained))
    for i, rate in enumerate(found):
        ramp = min(max((i - low) / (high - low), 0), 1)
        plain = base ** (-i / 32)
        assert rate == pytest.approx(plain / 4 * ramp + plain * (1 - ramp), rel=1e-12)


def test_linear_ones_are_all_divided():
    linear = RotaryScaling("linear", 4.0, 32768)
    assert rotary_rates(9, 64, 1e4, linear) == pytest.approx(rotary_rates(9, 64, 1e4, None) / 4, rel=1e-12)


def test_no_table_that_all_runs_share_can_be_written_to():
    for table in (*rotary_angles(9, 64, 1e4), sinusoidal(9, 64), causal_mask(9, 9)):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


def test_older_ways_to_say_it():
    said = {"type": "yarn", "factor": 4, "original_max_position_embeddings": 32768}
    scaling = read({"rope_scaling": said}).rotary_scaling
    assert (scaling.kind, scaling.factor, scaling.trained) == ("yarn", 4, 32768)
    assert scaling.magnitude == pytest.approx(0.1 * math.log(4) + 1)
    grown = read({"max_position_embeddings": 100, "rope_scaling": {"type": "dynamic", "factor": 2.5}})
    assert grown.n_ctx == 250 and grown.rotary_scaling.trained == 100
    said = {"rope_scaling": {"type": "yarn", "factor": 2.0, "attention_factor": 0.8}}
    assert read(said).rotary_scaling == RotaryScaling("yarn", 2.0, 2048, magnitude=0.8)
    assert read(said | {"original_max_position_embeddings": 512}).rotary_scaling.trained == 512


def test_a_text_that_turns_all_keys_anew_has_no_cache():
    config = Config(
        **dict(vocab_size=11, n_ctx=12, d_model=8, n_heads=2, n_layers=1, causal=True, unembed=True),
        **dict(positions="rotary", rotary_scaling=RotaryScaling("dynamic", 2.0, 6)),
    )
    params = random_params(config, 0)
    assert core.Cache(config).room == 6
    with pytest.raises(core.ConfigError, match=r"room: 8 is not in 1..the dynamic rotary_scaling's trained, 6"):
        core.generate(params, config, [1, 2], 6)
    cached = [step.token for step in core.generate(params, config, [1, 2], 4)]
    written = [step.token for step in core.generate(params, config, [1, 2], 10, cache=False)]
    assert written[:4] == cached and len(written) == 10


def test_what_is_saved_comes_back(tmp_path):
    config = Config(positions="rotary", rotary_scaling=RotaryScaling("yarn", 2.0, 64, magnitude=1.07, whole=False))
    core.weights.save(tmp_path, random_params(config, 0), config)
    assert core.load_pretrained(tmp_path).config == config
    said = json.loads((tmp_path / "config.json").read_text())
    for wrong in (3, {"kind": "yarn"}, said["rotary_scaling"] | {"kind": "no"}, said["rotary_scaling"] | {"slow": []}):
        (tmp_path / "config.json").write_text(json.dumps(said | {"rotary_scaling": wrong}))
        with pytest.raises(core.WeightsError, match="rotary_scaling"):
            core.load_pretrained(tmp_path)


def gguf(path, metadata: dict, extra: dict | None = None):
    """A Llama of one block, d_head 8."""
    sizes = {"embedding_length": 8, "block_count": 1, "feed_forward_length": 8, "context_length": 64}
    said = {"general.architecture": "llama", "llama.attention.head_count": 1, "llama.rope.freq_base": 500000.0}
    said |= {f"llama.{key}": value for key, value in sizes.items()} | metadata
    said["llama.attention.layer_norm_rms_epsilon"] = 1e-5
    shapes = {"token_embd": (6, 8), "output_norm": (8,), "blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,)}
    shapes |= {f"blk.0.{part}": (8, 8) for part in ("attn_q", "attn_k", "attn_v", "attn_output")}
    shapes |= {f"blk.0.{part}": (8, 8) for part in ("ffn_gate", "ffn_up", "ffn_down")}
    arrays = {f"{name}.weight": ("F32", np.ones(shape, np.float32), shape) for name, shape in shapes.items()}
    return core.load_pretrained(write(path, said, arrays | (extra or {})))


def test_gguf_says_it_in_its_own_keys(tmp_path):
    path, key = tmp_path / "m.gguf", "llama.rope.scaling."
    found = gguf(path, {key + "type": "yarn", key + "factor": 4.0, key + "original_context_length": 16})
    assert found.config.rotary_scaling == RotaryScaling("yarn", 4.0, 16, magnitude=0.1 * math.log(4) + 1)
    assert gguf(path, {key + "factor": 2.0}).config.rotary_scaling == RotaryScaling("linear", 2.0, 64)
    assert gguf(path, {key + "type": "none", key + "factor": 2.0}).config.rotary_scaling is None
    assert gguf(path, {key + "type": "linear", key + "finetuned": False}).config.rotary_scaling is None


def test_gguf_keeps_llama_3_s_as_a_tensor(tmp_path):
    scaling = RotaryScaling("llama3", 32.0, 8192, 1.0, 4.0)
    by = (rotary_rates(1, 8, 5e5, None) / rotary_rates(1, 8, 5e5, scaling)).astype(np.float32)
    found = gguf(tmp_path / "m.gguf", {}, {"rope_freqs.weight": ("F32", by, by.shape)})
    assert found.config.rotary_scaling == scaling and found.unused == ()
    for wrong in (by[1:], 2 * by, 0 * by, by * np.float32([1, 1, 1, np.nan])):
        with pytest.raises(core.WeightsError, match=r"rope_freqs\.weight"):
            gguf(tmp_path / "m.gguf", {}, {"rope_freqs.weight": ("F32", wrong, wrong.shape)})


@pytest.mark.parametrize("factor", [1.0, 2.5, 8.0])
def test_a_base_grows_with_the_text_once_it_is_longer_than_was_trained(factor):
    """By which each pair turns (Peng et al. 2023, section 3.3), pair by pair."""
    width, base, trained = 8, 10_000.0, 12
    for n in (1, 12, 13, 24, 100):
        longer = max(n / trained, 1)
        grown = base * (factor * longer - factor + 1) ** (width / (width - 2))
        expected = [grown ** (-2 * pair / width) for pair in range(width // 2)]
        assert rotary_rates(n, width, base, RotaryScaling("dynamic", factor, trained)) == pytest.approx(expected)
        assert (expected == pytest.approx(rotary_rates(n, width, base, None))) == (n <= trained)
