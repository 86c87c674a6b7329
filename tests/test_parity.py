"""The forward pass against PyTorch's and transformers', on the files that golden/make_golden.py wrote."""

from __future__ import annotations

import numpy as np
import pytest
from support import GOLDEN, golden, tensors, worst

import core

LAYER = {
    "linear1.weight": "mlp.W_in",
    "linear1.bias": "mlp.b_in",
    "linear2.weight": "mlp.W_out",
    "linear2.bias": "mlp.b_out",
    "norm1.weight": "ln1.w",
    "norm1.bias": "ln1.b",
    "norm2.weight": "ln2.w",
    "norm2.bias": "ln2.b",
    "self_attn.out_proj.weight": "attn.W_O",
    "self_attn.out_proj.bias": "attn.b_O",
}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("norm_at", ["post", "pre"])
def test_torch_encoder_layer(norm_at, causal):
    file = {k.removeprefix(norm_at + "."): v for k, v in tensors(GOLDEN / "torch_encoder_layer.safetensors").items()}
    params = {"blocks.0." + ours: file["param." + theirs].T for theirs, ours in LAYER.items()}
    for kind, theirs in (("W", "weight"), ("b", "bias")):
        for letter, part in zip("QKV", np.split(file["param.self_attn.in_proj_" + theirs], 3), strict=True):
            params[f"blocks.0.attn.{kind}_{letter}"] = part.T
    config = core.Config(
        **dict(vocab_size=1, d_model=24, n_layers=1, n_heads=4, d_mlp=40, causal=causal, norm="layer"),
        **dict(norm_at=norm_at, qkv_bias=True, out_bias=True, mlp_bias=True),
    )
    params["embed.W_E"] = np.zeros((1, 24), np.float32)
    core.check_params(params, config)

    trace = core.forward(params, config, embeddings=file["x"])
    assert trace["blocks.0.resid_post"].dtype == np.float32
    assert worst(trace["blocks.0.resid_post"], file["y_causal" if causal else "y"]) < 1e-5
    if not causal:
        assert worst(trace["blocks.0.attn.pattern"], file["weights"]) < 1e-5


@pytest.mark.parametrize("name", ["gpt2-tiny", "bert-tiny", "llama-gqa"])
def test_checkpoint(name):
    config, params = golden(name)
    core.check_params(params, config)
    expected = tensors(GOLDEN / name / "expected.safetensors")

    trace = core.forward(params, config, expected["ids"])
    last = config.n_layers
    for i in range(last):
        assert worst(trace[f"blocks.{i}.resid_pre"], expected[f"hidden.{i}"]) < 1e-5
        assert worst(trace[f"blocks.{i}.attn.pattern"], expected[f"attn.{i}"]) < 1e-5
    end = trace["ln_final.out" if config.final_norm else f"blocks.{last - 1}.resid_post"]
    assert worst(end, expected[f"hidden.{last}"]) < 1e-5
    if config.unembed:
        assert worst(trace["logits"], expected["logits"]) < 1e-5
        loss, _ = core.cross_entropy(trace["logits"][:-1], expected["ids"][1:])
        assert loss == pytest.approx(expected["loss"].item(), rel=1e-5)


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-gqa"])
def test_loss_in_float64(name):
    """The reference trained in float64: its first loss is that of the stored weights, to the last digits.

    Llama's is the one without transformers' roundings to float32; see golden/make_golden.py.
    """
    config, params = golden(name)
    ids = tensors(GOLDEN / name / "expected.safetensors")["ids"]
    trace = core.forward({k: v.astype(np.float64) for k, v in params.items()}, config, ids)
    loss, _ = core.cross_entropy(trace["logits"][:-1], ids[1:])
    losses = tensors(GOLDEN / name / "train.safetensors")
    assert loss == pytest.approx(losses.get("exact_losses", losses["adamw_losses"])[0], rel=1e-10)
