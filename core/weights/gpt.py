"""GPT-2 (Radford et al. 2019) and GPT-NeoX (Black et al. 2022; Pythia, Biderman et al. 2023)."""

from __future__ import annotations

from ..config import Config
from ..errors import WeightsError
from .fields import Fields
from .plan import Plan, linear, norm, three
from .rope import rope
from .transforms import Transform, by_head, same, side_by_side, turned

GPT2 = {  # its matrices are (in, out), as here
    "wte.weight": same("embed.W_E"),
    "wpe.weight": same("pos_embed.W_pos"),
    **norm("h.{i}.ln_1", "blocks.{i}.ln1"),
    "h.{i}.attn.c_attn.weight": side_by_side(*three("attn.W_*")),
    "h.{i}.attn.c_attn.bias": side_by_side(*three("attn.b_*")),
    **linear("h.{i}.attn.c_proj", "attn.*_O", True, same),
    **norm("h.{i}.ln_2", "blocks.{i}.ln2"),
    **linear("h.{i}.mlp.c_fc", "mlp.*_in", True, same),
    **linear("h.{i}.mlp.c_proj", "mlp.*_out", True, same),
    **norm("ln_f", "ln_final"),
}


def gpt2(f: Fields) -> Plan:
    """The Plan of a config.json of model_type gpt2."""
    d_model = f.size("n_embd", 768)
    unembed = f.has_head("GPT2Model", "GPT2LMHeadModel")
    config = Config(
        vocab_size=f.size("vocab_size", 50257),
        n_ctx=f.size("n_positions", 1024),
        d_model=d_model,
        n_layers=f.layers("n_layer", 12),
        n_heads=f.size("n_head", 12),
        d_mlp=f.size("n_inner", 4 * d_model),
        causal=True,
        scale=f.flag("scale_attn_weights", True),
        positions="learned",
        norm="layer",
        norm_eps=f.number("layer_norm_epsilon", 1e-5),
        final_norm=True,
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        activation=f.activation("activation_function", "gelu_new"),
        unembed=unembed,
        tied_unembed=f.flag("tie_word_embeddings", True) and unembed,
    )
    f.must_be("scale_attn_by_inverse_layer_idx", False)
    f.harmless(
        "n_ctx",  # an old name of n_positions, which nothing reads
        "reorder_and_upcast_attn",  # of no effect in float32
        "is_decoder",  # it always is
        "n_special", "predict_special_tokens", "afn",  # left over from the first GPT, and read by nothing
        "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout",
    )  # fmt: skip
    head = {"lm_head.weight": turned("unembed.W_U")}
    return Plan(config, GPT2, "transformer.", head, ("h.{i}.attn.bias", "h.{i}.attn.masked_bias"))


def _neox_names(n_heads: int, attention_bias: bool) -> dict[str, Transform]:
    names = {
        "embed_in.weight": same("embed.W_E"),
        **norm("layers.{i}.input_layernorm", "blocks.{i}.ln1"),
        "layers.{i}.attention.query_key_value.weight": by_head(n_heads, *three("attn.W_*")),
        "layers.{i}.attention.query_key_value.bias": by_head(n_heads, *three("attn.b_*")),
        **linear("layers.{i}.attention.dense", "attn.*_O", attention_bias),
        **norm("layers.{i}.post_attention_layernorm", "blocks.{i}.ln2"),
        **linear("layers.{i}.mlp.dense_h_to_4h", "mlp.*_in", True),
        **linear("layers.{i}.mlp.dense_4h_to_h", "mlp.*_out", True),
        **norm("final_layer_norm", "ln_final"),
    }
    if not attention_bias:
        del names["layers.{i}.attention.query_key_value.bias"]
    return names


def gpt_neox(f: Fields) -> Plan:
    """The Plan of a config.json of model_type gpt_neox."""
    d_model, n_heads = f.size("hidden_size", 6144), f.size("num_attention_heads", 64)
    rotary = rope(f, f.size("max_position_embeddings", 2048), "rotary_emb_base")
    share = rotary.said.number("partial_rotary_factor", f.number("rotary_pct", 0.25))
    if share > 1:
        raise WeightsError(
            f"config.json: rotary_pct or partial_rotary_factor: {share:g} of a head is more than all of it"
        )
    # transformers 4 wrote both names of each; where they differ, versions disagree about which one counts.
    f.must_be("rope_theta", rotary.base)
    f.must_be("partial_rotary_factor", share)
    bias = f.flag("attention_bias", True)
    unembed = f.has_head("GPTNeoXModel", "GPTNeoXForCausalLM")
    config = Config(
        vocab_size=f.size("vocab_size", 50432),
        n_ctx=rotary.n_ctx,
        d_model=d_model,
        n_layers=f.layers("num_hidden_layers", 44),
        n_heads=n_heads,
        d_mlp=f.size("intermediate_size", 24576),
        causal=True,
        positions="rotary",
        rotary_base=rotary.base,
        rotary_scaling=rotary.scaling,
        rotary_dim=int(d_model // n_heads * share),
        norm="layer",
        norm_eps=f.number("layer_norm_eps", 1e-5),
        final_norm=True,
        parallel=f.flag("use_parallel_residual", True),
        qkv_bias=bias,
        out_bias=bias,
        mlp_bias=True,
        activation=f.activation("hidden_act", "gelu"),
        unembed=unembed,
        tied_unembed=f.flag("tie_word_embeddings", False) and unembed,
    )
    f.harmless("is_decoder")
    unused = ("attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq")
    return Plan(
        config,
        _neox_names(n_heads, bias),
        "gpt_neox.",
        {"lm_head.weight": turned("unembed.W_U")},
        tuple("layers.{i}." + name for name in unused),
        renamed=(("embed_out.weight", "lm_head.weight"),),
    )
