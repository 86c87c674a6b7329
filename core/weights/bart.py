"""BART (Lewis et al. 2019) and MarianMT (Junczys-Dowmunt et al. 2018): an encoder and a decoder that looks at it."""

from __future__ import annotations

from typing import Any

from ..config import ENCODER, Config
from .fields import Fields
from .plan import Plan, linear, norm
from .transforms import Transform, row, rows_from, same, turned

COMMON: dict[str, Any] = {
    "causal": True,
    "norm": "layer",
    "norm_at": "post",
    "qkv_bias": True,
    "out_bias": True,
    "mlp_bias": True,
    "cross": True,
}
# Of training, of tasks after the last hidden state, of generation, and what repeats other fields.
HARMLESS = (
    "num_hidden_layers", "init_std", "encoder_layerdrop", "decoder_layerdrop", "activation_dropout", "classif_dropout",
    "force_bos_token_to_be_generated", "num_attention_heads", "hidden_size",
)  # fmt: skip


def _attention(theirs: str, ours: str) -> dict[str, Transform]:
    names: dict[str, Transform] = {}
    for part, letter in (("q_proj", "Q"), ("k_proj", "K"), ("v_proj", "V"), ("out_proj", "O")):
        names |= linear(f"{theirs}.{part}", f"{ours}.*_{letter}", True)
    return names


def _stack(name: str, prefix: str) -> dict[str, Transform]:
    """The blocks of the encoder, or of the decoder; prefix: how the names of its parameters begin here."""
    at, block = f"{name}.layers.{{i}}.", f"{prefix}blocks.{{i}}."
    names = _attention(at + "self_attn", "attn") | norm(at + "self_attn_layer_norm", "blocks.{i}.ln1")
    names |= linear(at + "fc1", "mlp.*_in", True) | linear(at + "fc2", "mlp.*_out", True)
    names |= norm(at + "final_layer_norm", "blocks.{i}.ln2")
    if not prefix:
        names |= _attention(at + "encoder_attn", "cross") | norm(at + "encoder_attn_layer_norm", "blocks.{i}.ln_cross")
    renamed = {key: transform.under(prefix) for key, transform in names.items()}
    assert all(target.startswith(block) for transform in renamed.values() for target in transform.targets)
    return renamed


BLOCKS = _stack("encoder", ENCODER) | _stack("decoder", "")
SHARED = {"shared.weight": same("embed.W_E")}
OWN_TABLES = {
    "encoder.embed_tokens.weight": same(ENCODER + "embed.W_E"),
    "decoder.embed_tokens.weight": same("embed.W_E"),
}
HEAD = {"lm_head.weight": turned("unembed.W_U")}
BIAS = {"final_logits_bias": row("unembed.b_U")}


def marian(f: Fields) -> Plan:
    """The Plan of a config.json of model_type marian: sines side by side, scaled embeddings, no norm of their own."""
    config = _both(f, "MarianModel", "MarianMTModel", 58101, 58100)
    f.must_be("normalize_embedding", False)
    f.must_be("static_position_embeddings", True)
    f.harmless("extra_pos_embeddings")  # of learned positions
    shared = f.flag("share_encoder_decoder_embeddings", True)
    decoder_vocabulary = f.size("decoder_vocab_size", config.vocab_size)
    if shared and decoder_vocabulary != config.vocab_size:
        f.refuse("decoder_vocab_size", f"{config.vocab_size}, as vocab_size, where both share one table,")
    if not shared:
        config = config.replace(vocab_size=decoder_vocabulary, encoder_vocab_size=config.vocab_size)
    config = config.replace(positions="sinusoidal", sine_halves=True)
    sines = tuple(f"{stack}.embed_positions.weight" for stack in ("encoder", "decoder"))  # kept by older files
    tables, copies = (SHARED, (*OWN_TABLES,)) if shared else (OWN_TABLES, ())
    return Plan(config, BLOCKS | tables, "model.", HEAD, unused=sines, bias=BIAS, copies=copies)


def bart(f: Fields) -> Plan:
    """The Plan of a config.json of model_type bart: learned positions, and a norm right after the embeddings."""
    config = _both(f, "BartModel", "BartForConditionalGeneration", 50265, 1)
    f.must_be("normalize_embedding", True)
    f.must_be("static_position_embeddings", False)
    f.must_be("extra_pos_embeddings", 2)
    f.must_be("share_encoder_decoder_embeddings", True)
    config = config.replace(positions="learned", embed_norm=True)
    names = dict(BLOCKS | SHARED)
    for stack, prefix in (("encoder", ENCODER), ("decoder", "")):
        names |= norm(f"{stack}.layernorm_embedding", prefix + "ln_embed")
        names[f"{stack}.embed_positions.weight"] = rows_from(2, prefix + "pos_embed.W_pos")  # two of padding
    return Plan(config, names, "model.", HEAD, bias=BIAS, copies=(*OWN_TABLES,))


def _both(f: Fields, base: str, with_head: str, vocab_size: int, padding: int) -> Config:
    unembed = f.has_head(base, with_head)
    f.must_be("is_encoder_decoder", True)
    f.must_be("is_decoder", False)
    f.must_be("normalize_before", False)
    f.must_be("add_final_layer_norm", False)
    f.must_be("add_bias_logits", False)
    f.must_be("tie_word_embeddings", True)
    f.harmless(*HARMLESS)
    own = f.size("encoder_attention_heads", 16)
    return Config(
        **COMMON,
        vocab_size=f.size("vocab_size", vocab_size),
        n_ctx=f.size("max_position_embeddings", 1024),
        d_model=f.size("d_model", 1024),
        n_layers=f.layers("decoder_layers", 12),
        n_heads=f.size("decoder_attention_heads", 16),
        d_mlp=f.size("decoder_ffn_dim", 4096),
        n_encoder_layers=f.layers("encoder_layers", 12),
        n_encoder_heads=own if own != f.size("decoder_attention_heads", 16) else None,
        encoder_d_mlp=f.size("encoder_ffn_dim", 4096),
        embed_scale=f.flag("scale_embedding", False),
        padding_id=f.index("pad_token_id", padding),
        activation=f.activation("activation_function", "gelu"),
        unembed=unembed,
        tied_unembed=unembed,
        unembed_bias=unembed,
    )
