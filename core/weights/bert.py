"""BERT (Devlin et al. 2018; MiniLM, Wang et al. 2020, has its layout), RoBERTa (Liu et al. 2019), DistilBERT (Sanh et
al. 2019): encoders without a head. One sentence at a time, so token types are all 0 and nothing is padding.
"""

from __future__ import annotations

from typing import Any

from ..config import Config
from .fields import Fields
from .plan import Plan, linear, norm
from .transforms import Transform, added_first_row, rows_from, same

COMMON: dict[str, Any] = {
    "positions": "learned",
    "norm": "layer",
    "norm_at": "post",
    "embed_norm": True,
    "qkv_bias": True,
    "out_bias": True,
    "mlp_bias": True,
}

ENCODER = {
    "embeddings.word_embeddings.weight": same("embed.W_E"),
    **norm("embeddings.LayerNorm", "ln_embed"),
    **linear("encoder.layer.{i}.attention.self.query", "attn.*_Q", True),
    **linear("encoder.layer.{i}.attention.self.key", "attn.*_K", True),
    **linear("encoder.layer.{i}.attention.self.value", "attn.*_V", True),
    **linear("encoder.layer.{i}.attention.output.dense", "attn.*_O", True),
    **norm("encoder.layer.{i}.attention.output.LayerNorm", "blocks.{i}.ln1"),
    **linear("encoder.layer.{i}.intermediate.dense", "mlp.*_in", True),
    **linear("encoder.layer.{i}.output.dense", "mlp.*_out", True),
    **norm("encoder.layer.{i}.output.LayerNorm", "blocks.{i}.ln2"),
}

DISTILBERT = {
    "embeddings.word_embeddings.weight": same("embed.W_E"),
    "embeddings.position_embeddings.weight": same("pos_embed.W_pos"),
    **norm("embeddings.LayerNorm", "ln_embed"),
    **linear("transformer.layer.{i}.attention.q_lin", "attn.*_Q", True),
    **linear("transformer.layer.{i}.attention.k_lin", "attn.*_K", True),
    **linear("transformer.layer.{i}.attention.v_lin", "attn.*_V", True),
    **linear("transformer.layer.{i}.attention.out_lin", "attn.*_O", True),
    **norm("transformer.layer.{i}.sa_layer_norm", "blocks.{i}.ln1"),
    **linear("transformer.layer.{i}.ffn.lin1", "mlp.*_in", True),
    **linear("transformer.layer.{i}.ffn.lin2", "mlp.*_out", True),
    **norm("transformer.layer.{i}.output_layer_norm", "blocks.{i}.ln2"),
}

POSITION_IDS = "embeddings.position_ids"  # 0, 1, 2, ... kept as a tensor by older files
UNUSED = (POSITION_IDS, "embeddings.token_type_ids", "pooler.dense.weight", "pooler.dense.bias")
TENSORFLOW = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))


def bert(f: Fields) -> Plan:
    """The Plan of a config.json of model_type bert."""
    names = ENCODER | {"embeddings.position_embeddings.weight": same("pos_embed.W_pos")} | _token_types(f)
    config = _encoder(f, "BertModel", 30522, f.size("max_position_embeddings", 512))
    # Google's own configs describe their pooler, which comes after the last hidden state.
    sizes = ("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head")
    # TinyBERT's describe how it was distilled; emb_size repeats hidden_size.
    distilled = ("cell", "emb_size", "pre_trained", "structure", "training")
    f.harmless("directionality", "pooler_type", *sizes, *distilled)
    return Plan(config, names, "bert.", unused=UNUSED, renamed=TENSORFLOW)


def roberta(f: Fields) -> Plan:
    """The Plan of a config.json of model_type roberta: BERT whose first position comes after the padding's."""
    first = 1 + f.index("pad_token_id", 1)
    n_rows = f.size("max_position_embeddings", 512)
    if n_rows <= first:
        f.refuse("max_position_embeddings", f"more than {first}, one past pad_token_id,")
    positions = {"embeddings.position_embeddings.weight": rows_from(first, "pos_embed.W_pos")}
    names = ENCODER | positions | _token_types(f)
    config = _encoder(f, "RobertaModel", 50265, n_rows - first)
    return Plan(config, names, "roberta.", unused=UNUSED, renamed=TENSORFLOW)


def distilbert(f: Fields) -> Plan:
    """The Plan of a config.json of model_type distilbert."""
    f.has_head("DistilBertModel")
    config = Config(
        **COMMON,
        vocab_size=f.size("vocab_size", 30522),
        n_ctx=f.size("max_position_embeddings", 512),
        d_model=f.size("dim", 768),
        n_layers=f.layers("n_layers", 6),
        n_heads=f.size("n_heads", 12),
        d_mlp=f.size("hidden_dim", 3072),
        norm_eps=1e-12,
        activation=f.activation("activation", "gelu"),
    )
    # The table of positions is in the file, whichever way it was first filled; and there is no head to tie.
    f.harmless("sinusoidal_pos_embds", "tie_weights_", "tie_word_embeddings", "qa_dropout", "seq_classif_dropout")
    return Plan(config, DISTILBERT, "distilbert.", unused=(POSITION_IDS,), renamed=TENSORFLOW)


def _encoder(f: Fields, base: str, vocab_size: int, n_ctx: int) -> Config:
    f.has_head(base)
    f.must_be("is_decoder", False)
    f.must_be("position_embedding_type", "absolute")
    f.harmless("tie_word_embeddings")  # there is no head to tie
    return Config(
        **COMMON,
        vocab_size=f.size("vocab_size", vocab_size),
        n_ctx=n_ctx,
        d_model=f.size("hidden_size", 768),
        n_layers=f.layers("num_hidden_layers", 12),
        n_heads=f.size("num_attention_heads", 12),
        d_mlp=f.size("intermediate_size", 3072),
        norm_eps=f.number("layer_norm_eps", 1e-12),
        activation=f.activation("hidden_act", "gelu"),
    )


def _token_types(f: Fields) -> dict[str, Transform]:
    n_types = f.size("type_vocab_size", 2)
    return {"embeddings.token_type_embeddings.weight": added_first_row(n_types, "pos_embed.W_pos")}
