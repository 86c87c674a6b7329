"""Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024)."""

from __future__ import annotations

from ..config import Config
from .fields import Fields
from .plan import Plan, linear
from .rope import rope
from .transforms import same, turned

NAMES = {
    "embed_tokens.weight": same("embed.W_E"),
    "layers.{i}.input_layernorm.weight": same("blocks.{i}.ln1.w"),
    **linear("layers.{i}.self_attn.q_proj", "attn.*_Q", False),
    **linear("layers.{i}.self_attn.k_proj", "attn.*_K", False),
    **linear("layers.{i}.self_attn.v_proj", "attn.*_V", False),
    **linear("layers.{i}.self_attn.o_proj", "attn.*_O", False),
    "layers.{i}.post_attention_layernorm.weight": same("blocks.{i}.ln2.w"),
    **linear("layers.{i}.mlp.gate_proj", "mlp.*_gate", False),
    **linear("layers.{i}.mlp.up_proj", "mlp.*_in", False),
    **linear("layers.{i}.mlp.down_proj", "mlp.*_out", False),
    "norm.weight": same("ln_final.w"),
}
QKV_BIAS = {f"layers.{{i}}.self_attn.{x}_proj.bias": same(f"blocks.{{i}}.attn.b_{x.upper()}") for x in "qkv"}
OUT_BIAS = {"layers.{i}.self_attn.o_proj.bias": same("blocks.{i}.attn.b_O")}
ROTARY = "rotary_emb.inv_freq"  # the angles, kept as a tensor by older files


def llama(f: Fields) -> Plan:
    """The Plan of a config.json of model_type llama."""
    bias = f.flag("attention_bias", False)
    f.must_be("mlp_bias", False)
    f.must_be("rope_interleaved", False)
    # In how many slices the same product was computed; a remark; and what the first Llama called its context.
    f.harmless("pretraining_tp", "is_llama_config", "max_sequence_length")
    sizes = {"vocab_size": 32000, "d_model": 4096, "d_mlp": 11008, "n_ctx": 2048}
    return _plan(f, "Llama", sizes, None, qkv_bias=bias, out_bias=bias)


def mistral(f: Fields) -> Plan:
    """The Plan of a config.json of model_type mistral."""
    f.must_be("attention_bias", False)
    window = None if f.is_null("sliding_window") else f.size("sliding_window", 4096)
    sizes = {"vocab_size": 32000, "d_model": 4096, "d_mlp": 14336, "n_ctx": 4096 * 32}
    return _plan(f, "Mistral", sizes, 8, window=window)


def qwen2(f: Fields) -> Plan:
    """The Plan of a config.json of model_type qwen2."""
    f.must_be("attention_bias", True)
    f.must_be("use_mrope", False)
    sizes = {"vocab_size": 151936, "d_model": 4096, "d_mlp": 22016, "n_ctx": 32768}
    return _plan(f, "Qwen2", sizes, 32, qkv_bias=True, window=_qwen2_window(f))


def _qwen2_window(f: Fields) -> int | None:
    """How far back the layers from max_window_layers on look, or those that layer_types names."""
    n_layers = f.layers("num_hidden_layers", 32)
    window = None if f.is_null("sliding_window") else f.size("sliding_window", 4096)
    used = f.flag("use_sliding_window", False)
    first = f.index("max_window_layers", 28)
    sliding = used and first < n_layers
    kinds = f.get("layer_types", ["sliding_attention" if sliding else "full_attention"])
    if not isinstance(kinds, list) or any(kind not in ("full_attention", "sliding_attention") for kind in kinds):
        f.refuse("layer_types", "a list of full_attention and sliding_attention")
    return window if "sliding_attention" in kinds else None


def _plan(
    f: Fields,
    family: str,
    sizes: dict[str, int],
    n_kv_heads: int | None,
    qkv_bias: bool = False,
    out_bias: bool = False,
    window: int | None = None,
) -> Plan:
    rotary = rope(f, f.size("max_position_embeddings", sizes["n_ctx"]))
    rotary.said.must_be("partial_rotary_factor", 1.0)
    f.must_be("partial_rotary_factor", 1.0)
    n_heads = f.size("num_attention_heads", 32)
    kv_heads = n_heads if f.is_null("num_key_value_heads") else f.size("num_key_value_heads", n_kv_heads or n_heads)
    unembed = f.has_head(f"{family}Model", f"{family}ForCausalLM")
    config = Config(
        vocab_size=f.size("vocab_size", sizes["vocab_size"]),
        n_ctx=rotary.n_ctx,
        d_model=f.size("hidden_size", sizes["d_model"]),
        n_layers=f.layers("num_hidden_layers", 32),
        n_heads=n_heads,
        n_kv_heads=kv_heads,
        d_head=f.size_if_any("head_dim"),
        d_mlp=f.size("intermediate_size", sizes["d_mlp"]),
        causal=True,
        positions="rotary",
        rotary_base=rotary.base,
        rotary_scaling=rotary.scaling,
        norm="rms",
        norm_eps=f.number("rms_norm_eps", 1e-6),
        final_norm=True,
        qkv_bias=qkv_bias,
        out_bias=out_bias,
        activation=f.activation("hidden_act", "silu"),
        gated=True,
        unembed=unembed,
        tied_unembed=f.flag("tie_word_embeddings", False) and unembed,
    )
    names = NAMES | (QKV_BIAS if qkv_bias else {}) | (OUT_BIAS if out_bias else {})
    unused = (ROTARY, "layers.{i}.self_attn." + ROTARY)
    return Plan(config, names, "model.", {"lm_head.weight": turned("unembed.W_U")}, unused, window=window)
