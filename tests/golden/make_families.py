"""Regenerate the small checkpoints of further model families, as make_golden.py does its own.

    /tmp/reference/bin/python tests/golden/make_families.py /tmp/golden     # writes there, never over this folder

Each has something that a wrong name map or Config would get wrong: odd sizes, heads that do not fill the model, biases
off zero, norms off one, tables longer than the text.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers
from make_golden import expected, randomize, write


def llama(max_position_embeddings: int = 20, **rope: str | float) -> transformers.LlamaConfig:
    """A small Llama whose rotary angles are scaled."""
    return transformers.LlamaConfig(
        **dict(vocab_size=51, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=28),
        **dict(max_position_embeddings=max_position_embeddings, num_key_value_heads=1, rope_parameters=rope),
    )


CHECKPOINTS = {
    "gpt2-untied-tiny": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            **dict(vocab_size=51, n_positions=20, n_embd=18, n_layer=2, n_head=3, n_inner=26),
            **dict(activation_function="relu", layer_norm_epsilon=1e-3, scale_attn_weights=False),
            **dict(tie_word_embeddings=False),
        ),
    ),
    "gpt_neox-tiny": (
        transformers.GPTNeoXForCausalLM,
        transformers.GPTNeoXConfig(
            **dict(vocab_size=51, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=30),
            **dict(max_position_embeddings=20, rope_parameters=dict(rope_theta=500.0, partial_rotary_factor=0.34)),
        ),
    ),
    "gpt_neox-sequential-tiny": (
        transformers.GPTNeoXForCausalLM,
        transformers.GPTNeoXConfig(
            **dict(vocab_size=51, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24),
            **dict(max_position_embeddings=20, use_parallel_residual=False, attention_bias=False),
            **dict(hidden_act="gelu_new", rope_parameters=dict(partial_rotary_factor=1.0)),
        ),
    ),
    "distilbert-tiny": (
        transformers.DistilBertModel,
        transformers.DistilBertConfig(
            **dict(vocab_size=51, max_position_embeddings=20, dim=20, n_layers=2, n_heads=4, hidden_dim=28),
        ),
    ),
    "roberta-tiny": (
        transformers.RobertaModel,
        transformers.RobertaConfig(
            **dict(vocab_size=51, hidden_size=20, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28),
            **dict(max_position_embeddings=22, type_vocab_size=3, layer_norm_eps=1e-5),
        ),
    ),
    "llama-bias-tiny": (
        transformers.LlamaForCausalLM,
        transformers.LlamaConfig(
            **dict(vocab_size=51, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=28),
            **dict(max_position_embeddings=20, attention_bias=True, head_dim=6, tie_word_embeddings=True),
        ),
    ),
    "mistral-tiny": (
        transformers.MistralForCausalLM,
        transformers.MistralConfig(
            **dict(vocab_size=51, hidden_size=20, num_hidden_layers=2, num_attention_heads=6, intermediate_size=28),
            **dict(num_key_value_heads=3, head_dim=4, max_position_embeddings=20, sliding_window=20),
            **dict(rope_parameters=dict(rope_theta=1e6), rms_norm_eps=1e-5),
        ),
    ),
    "qwen2-tiny": (
        transformers.Qwen2ForCausalLM,
        transformers.Qwen2Config(
            **dict(vocab_size=51, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, intermediate_size=28),
            **dict(num_key_value_heads=2, max_position_embeddings=20, tie_word_embeddings=True),
        ),
    ),
    # Rotary angles scaled so that each way changes some pairs and not others within eleven tokens.
    "llama-linear-tiny": (transformers.LlamaForCausalLM, llama(rope_type="linear", factor=2.5)),
    "llama-dynamic-tiny": (
        transformers.LlamaForCausalLM,
        llama(max_position_embeddings=8, rope_type="dynamic", factor=2.0),
    ),
    "llama3-tiny": (
        transformers.LlamaForCausalLM,
        llama(
            **dict(max_position_embeddings=64, rope_type="llama3", factor=8.0, low_freq_factor=1.0),
            **dict(high_freq_factor=4.0, original_max_position_embeddings=16),
        ),
    ),
    "qwen2-yarn-tiny": (
        transformers.Qwen2ForCausalLM,
        transformers.Qwen2Config(
            **dict(vocab_size=51, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=28),
            **dict(num_key_value_heads=1, max_position_embeddings=64, tie_word_embeddings=True),
            rope_parameters=dict(
                **dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=50.0),
                **dict(beta_fast=2.0, beta_slow=0.5),
            ),
        ),
    ),
    "mistral-yarn-tiny": (
        transformers.MistralForCausalLM,
        transformers.MistralConfig(
            **dict(vocab_size=51, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=28),
            **dict(num_key_value_heads=2, head_dim=12, max_position_embeddings=1024, sliding_window=None),
            rope_parameters=dict(
                **dict(rope_type="yarn", factor=16.0, original_max_position_embeddings=64, rope_theta=1e4),
                **dict(truncate=False, mscale=0.707, mscale_all_dim=1.0),
            ),
        ),
    ),
}


def main(target: Path) -> None:
    if target.resolve() == Path(__file__).parent.resolve():
        raise SystemExit("write to another folder, compare, then copy")
    for seed, (name, (kind, config)) in enumerate(CHECKPOINTS.items()):
        torch.manual_seed(seed)
        folder = target / name
        model = kind(config).eval()
        randomize(model, 0.25)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        ids = torch.randint(3, config.vocab_size, (11,))  # ids 0 to 2 are special: RoBERTa gives padding no position
        attentive = kind.from_pretrained(folder, attn_implementation="eager").eval()
        write(expected(attentive, ids), folder / "expected.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
