"""The shape of GPT-2, in whose sizes `core` is measured against its peers."""

from __future__ import annotations

from core import Config


def gpt2(vocab_size: int, n_ctx: int, d_model: int, n_layers: int, n_heads: int, tied_unembed: bool = False) -> Config:
    """A GPT-2 of these sizes (Radford et al. 2019, section 2.3); its MLP is four times as wide as the stream."""
    return Config(
        vocab_size=vocab_size,
        n_ctx=n_ctx,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        d_mlp=4 * d_model,
        causal=True,
        positions="learned",
        norm="layer",
        final_norm=True,
        activation="gelu_tanh",
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        unembed=True,
        tied_unembed=tied_unembed,
    )
