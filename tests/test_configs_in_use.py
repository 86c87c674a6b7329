"""Configs as the most used checkpoints of each family have them, fields only: read, whatever changes nothing."""

from __future__ import annotations

import pytest

import core
from core.weights.families import family
from core.weights.fields import Fields

SUMMARY = {
    **{"summary_type": "cls_index", "summary_use_proj": True, "summary_activation": None},
    **{"summary_proj_to_labels": True, "summary_first_dropout": 0.1},
}
GPT2 = {
    **{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new"},
    **{"attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1, "initializer_range": 0.02},
    **{"layer_norm_epsilon": 1e-05, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024},
    **{"bos_token_id": 50256, "eos_token_id": 50256, "vocab_size": 50257, **SUMMARY},
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
}
BERT = {
    **{"model_type": "bert", "architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1},
    **{"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": 768, "initializer_range": 0.02},
    **{"intermediate_size": 3072, "layer_norm_eps": 1e-12, "max_position_embeddings": 512, "num_attention_heads": 12},
    **{"num_hidden_layers": 12, "pad_token_id": 0, "type_vocab_size": 2, "vocab_size": 30522},
}
POOLER = {
    **{"directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3},
    **{"pooler_size_per_head": 128, "pooler_type": "first_token_transform"},
}
DISTILBERT = {
    **{"model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "activation": "gelu"},
    **{"attention_dropout": 0.1, "dim": 768, "dropout": 0.1, "hidden_dim": 3072, "initializer_range": 0.02},
    **{"max_position_embeddings": 512, "n_heads": 12, "n_layers": 6, "pad_token_id": 0, "qa_dropout": 0.1},
    **{"seq_classif_dropout": 0.2, "sinusoidal_pos_embds": False, "tie_weights_": True, "vocab_size": 30522},
}
ROBERTA = BERT | {
    **{"model_type": "roberta", "architectures": ["RobertaForMaskedLM"], "bos_token_id": 0, "eos_token_id": 2},
    **{"layer_norm_eps": 1e-05, "max_position_embeddings": 514, "pad_token_id": 1, "type_vocab_size": 1},
    "vocab_size": 50265,
}
LLAMA = {
    **{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2},
    **{"hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02, "intermediate_size": 11008},
    **{"max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 4, "rms_norm_eps": 1e-05},
    **{"tie_word_embeddings": False, "torch_dtype": "float16", "use_cache": True, "vocab_size": 32000},
}
QWEN2 = LLAMA | {
    **{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "hidden_size": 896},
    **{"intermediate_size": 4864, "max_position_embeddings": 32768, "max_window_layers": 21, "num_attention_heads": 14},
    **{"num_hidden_layers": 24, "num_key_value_heads": 2, "rope_theta": 1000000.0, "sliding_window": 32768},
    **{"tie_word_embeddings": True, "use_sliding_window": False, "vocab_size": 151936},
}
MISTRAL = LLAMA | {
    **{"model_type": "mistral", "architectures": ["MistralForCausalLM"], "intermediate_size": 14336},
    **{"max_position_embeddings": 32768, "num_key_value_heads": 8, "rope_theta": 10000.0, "sliding_window": 4096},
}
NEOX = {
    **{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0},
    **{"hidden_act": "gelu", "hidden_size": 512, "initializer_range": 0.02, "intermediate_size": 2048},
    **{"layer_norm_eps": 1e-05, "max_position_embeddings": 2048, "num_attention_heads": 8, "num_hidden_layers": 6},
    **{"rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": False, "torch_dtype": "float16"},
    **{"use_cache": True, "use_parallel_residual": True, "vocab_size": 50304},
}
LABELS = {"id2label": {"0": "NEGATIVE", "1": "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}}
TINY = {"cell": {}, "emb_size": 312, "pre_trained": "", "structure": [], "training": "", "hidden_size": 312}

IN_USE = {
    "gpt2": GPT2,
    "gpt2-medium": GPT2 | {"n_special": 0, "predict_special_tokens": True, "n_embd": 1024, "n_layer": 24, "n_head": 16},
    "gpt2-xl": GPT2 | {"output_past": True, "n_special": 0, "predict_special_tokens": True},
    "distilgpt2": GPT2 | LABELS | {"_num_labels": 1, "n_layer": 6},
    "gpt2 saved long ago": GPT2
    | {"output_past": True, "afn": "gelu", "xla_device": True, "pruned_heads": {}, "torchscript": False},
    "gpt2 in Portuguese": GPT2 | {"gradient_checkpointing": False, "output_past": True, "use_cache": True},
    "gpt2 from Japan": GPT2
    | {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "reorder_and_upcast_attn": False}
    | {"n_inner": None, "tokenizer_class": "T5Tokenizer", "transformers_version": "4.11.3"},
    "bert-base-uncased": BERT
    | {"gradient_checkpointing": False, "position_embedding_type": "absolute", "use_cache": True}
    | {"transformers_version": "4.6.0.dev0"},
    "bert multilingual": BERT | POOLER | {"vocab_size": 105879},
    "bert in Portuguese": BERT | POOLER | {"output_past": True, "vocab_size": 29794},
    "bert that names entities": BERT | LABELS | {"_num_labels": 9, "output_past": True, "max_length": 512},
    "bert with a name": BERT | {"language": "english", "name": "Bert"},
    "bert in Japanese": BERT | {"tokenizer_class": "BertJapaneseTokenizer"},
    "bert of sentences": BERT
    | {"classifier_dropout": None, "_name_or_path": "nreimers/MiniLM", "num_hidden_layers": 6},
    "bert that ranks": BERT | LABELS | {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    "bert that ranks, newer": BERT | {"sentence_transformers": {"version": "4.1.0"}},
    "tiny bert": BERT | TINY,
    "distilbert": DISTILBERT,
    "distilbert cased": DISTILBERT | {"output_past": True, "vocab_size": 28996},
    "distilbert of feelings": DISTILBERT | LABELS | {"finetuning_task": "sst-2"},
    "roberta": ROBERTA,
    "roberta that infers": ROBERTA | LABELS | {"_num_labels": 3, "output_past": True},
    "roberta of code": ROBERTA | {"output_past": True, "language": "english", "name": "Roberta"},
    "roberta of tweets": ROBERTA | {"gradient_checkpointing": False, "position_embedding_type": "absolute"},
    "llama": LLAMA | {"max_sequence_length": 2048, "pad_token_id": 0, "transformers_version": "4.29.0.dev0"},
    "llama 2": LLAMA | {"_name_or_path": "x", "pretraining_tp": 1, "rope_scaling": None, "num_key_value_heads": 32},
    "small llama": LLAMA
    | {"is_llama_config": True, "rope_interleaved": False, "attention_bias": False, "mlp_bias": False, "head_dim": 64}
    | {"transformers.js_config": {"dtype": "q4"}, "attention_dropout": 0.0, "_attn_implementation_autoset": True},
    "llama repaired": LLAMA | {"unsloth_fixed": True, "unsloth_version": "2024.9", "_flash_attn_2_enabled": True},
    "llama noised in training": LLAMA | {"neftune_noise_alpha": 5},
    "qwen2": QWEN2,
    "qwen2 distilled": QWEN2 | {"use_mrope": False, "tie_word_embeddings": False},
    "qwen2 saved lately": QWEN2
    | {"layer_types": ["full_attention"] * 24, "sliding_window": None, "dtype": "bfloat16"}
    | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "mistral": MISTRAL,
    "mistral 0.2": MISTRAL | {"sliding_window": None, "rope_theta": 1e6, "attention_dropout": 0.0, "head_dim": None},
    "zephyr": MISTRAL | {"pad_token_id": 2, "_flash_attn_2_enabled": True},
    "pythia": NEOX,
    "gpt-neox-20b": NEOX | {"attention_probs_dropout_prob": 0, "hidden_dropout_prob": 0, "torch_dtype": "float16"},
    "dolly": NEOX | {"custom_pipelines": {"text-generation": {"impl": "x.Pipeline", "pt": "AutoModelForCausalLM"}}},
    "pythia saved lately": NEOX
    | {"attention_bias": True, "attention_dropout": 0.0, "hidden_dropout": 0.0, "classifier_dropout": 0.1}
    | {"rope_scaling": None, "partial_rotary_factor": 0.25, "rope_theta": 10000},
}


@pytest.mark.parametrize("values", IN_USE.values(), ids=IN_USE.keys())
def test_a_config_in_use_is_read(values):
    plan, plain = read(values), {**values, "model_type": values["model_type"]}
    for name in ("output_past", "xla_device", "n_special", "name", "max_sequence_length"):
        plain.pop(name, None)
    assert plan.config == read(plain).config, "what changes nothing changes no number of the Config either"


def read(values):
    fields = Fields(values, without_head=True)
    plan = family(values["model_type"])(fields)
    fields.finish()
    return plan


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (LLAMA | {"rope_scaling": {"rope_type": "longrope", "factor": 8.0}}, "rope_scaling"),
        (LLAMA | {"mlp_bias": True}, "mlp_bias"),
        (LLAMA | {"quantization_config": {"bits": 4}}, "quantization_config"),
        (BERT | {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        (BERT | {"is_decoder": True}, "is_decoder"),
        (BERT | {"adapters": {"adapters": {}}}, "adapters"),
        (GPT2 | {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        (QWEN2 | {"use_mrope": True}, "use_mrope"),
        (NEOX | {"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        (GPT2 | {"pruned_heads": {"0": [1]}}, "pruned_heads"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_changes_the_numbers_is_refused_by_name(values, field):
    with pytest.raises(core.WeightsError, match=field):
        read(values)
