"""A model of two stacks with random weights, ours and in transformers' Marian, which is the same model: by one folder
that transformers writes and `core.load_pretrained` reads. Without transformers ours is drawn alone.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import core
from core.params import Params

try:
    import torch
    import transformers
except ImportError:
    torch = None


def marian(vocab: int, n_ctx: int, d_model: int, n_layers: int, n_heads: int) -> tuple[core.Config, Params, Any]:
    """(Config, parameters, transformers' model with a loss, or None): `n_layers` in each of the two stacks, an MLP four
    times as wide as the stream, embeddings that are shared and tied (Vaswani et al. 2017; Junczys-Dowmunt et al. 2018).
    """
    if torch is None:
        config = core.Scene(model="seq2seq").whole.replace(
            vocab_size=vocab, n_ctx=n_ctx, d_model=d_model, n_heads=n_heads, d_mlp=4 * d_model
        )
        config = config.replace(n_layers=n_layers, n_encoder_layers=n_layers)
        return config, core.init_params(config), None
    both = {"layers": n_layers, "attention_heads": n_heads, "ffn_dim": 4 * d_model}
    torch.manual_seed(0)
    model = transformers.MarianMTModel(
        transformers.MarianConfig(
            vocab_size=vocab,
            d_model=d_model,
            max_position_embeddings=n_ctx,
            activation_function="relu",
            scale_embedding=True,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            pad_token_id=vocab - 1,
            decoder_start_token_id=vocab - 1,
            init_std=0.3 / d_model**0.5,
            **{f"{stack}_{name}": value for stack in ("encoder", "decoder") for name, value in both.items()},
        )
    ).eval()
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        Path(folder, "generation_config.json").unlink(missing_ok=True)
        ours = core.load_pretrained(folder)
        return ours.config, {name: array[...].copy() for name, array in ours.params.items()}, model
