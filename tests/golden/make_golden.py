"""Regenerate the reference files of this folder with PyTorch and transformers, which Fibra itself never imports.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install torch transformers
    /tmp/reference/bin/python tests/golden/make_golden.py /tmp/golden      # writes there, never over this folder

README: each folder is a checkpoint with random weights in Hugging Face layout. `expected.safetensors` has `ids`;
`hidden.i`, the residual stream entering block i, the last one after the final norm; `attn.i`; `logits`; and `loss`,
the mean next-token cross-entropy. `train.safetensors`, of the causal ones, is computed in float64: the gradients
`grad.NAME`, and `adamw_losses`, the losses before each of ten steps of AdamW on `ids` (lr 3e-3, betas 0.9/0.95, eps
1e-8, weight decay 0.1 on everything, gradients clipped to norm 1). transformers' Llama rounds to float32 in its norm,
its rotary angles and its softmax even so; `exact_losses` are the same ten steps with those three kept in float64.
`torch_encoder_layer.safetensors` is torch.nn.TransformerEncoderLayer, norm after (`post`) and before (`pre`), plain
and causal. Made with PyTorch 2.13 and transformers 5.23 on a CPU; other versions agree to rounding.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import torch
import transformers
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers.models.llama import modeling_llama

CHECKPOINTS = {
    "gpt2-tiny": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(vocab_size=96, n_positions=32, n_embd=24, n_layer=3, n_head=4),
        11,
    ),
    "bert-tiny": (
        transformers.BertModel,
        transformers.BertConfig(
            vocab_size=96,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=40,
            max_position_embeddings=32,
        ),
        9,
    ),
    "llama-gqa": (
        transformers.LlamaForCausalLM,
        transformers.LlamaConfig(
            vocab_size=96,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=8,
            num_key_value_heads=2,
            max_position_embeddings=64,
        ),
        13,
    ),
}


def randomize(model: torch.nn.Module, spread: float) -> None:
    """Draw every parameter, so that none sits where a wrong formula would not show: norms off 1, biases off 0."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            is_norm = p.ndim == 1 and "norm" in name.lower().replace("ln_", "norm")
            if p.ndim > 1:
                p.normal_(0, spread)
            elif is_norm and name.endswith("weight"):
                p.normal_(1, 0.2)
            else:
                p.normal_(0, 0.1)


def next_token_loss(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(ids[None]).logits[0, :-1], ids[1:])


def expected(model: torch.nn.Module, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        out = model(ids[None], output_hidden_states=True, output_attentions=True)
    tensors = {"ids": ids}
    tensors |= {f"hidden.{i}": h[0] for i, h in enumerate(out.hidden_states)}
    tensors |= {f"attn.{i}": a[0] for i, a in enumerate(out.attentions)}
    if "logits" in out:
        tensors["logits"] = out.logits[0]
        tensors["loss"] = F.cross_entropy(out.logits[0, :-1], ids[1:]).double()[None]
    else:
        tensors["last"] = out.last_hidden_state[0]
    return tensors


def adamw_losses(model: torch.nn.Module, ids: torch.Tensor, steps: int = 10) -> torch.Tensor:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    losses = []
    for _ in range(steps):
        loss = next_token_loss(model, ids)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return torch.tensor(losses, dtype=torch.float64)


def train(folder: Path, kind: type, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    def fresh(attention: str = "eager") -> torch.nn.Module:
        return kind.from_pretrained(folder, attn_implementation=attention).double().eval()

    model = fresh()
    loss = next_token_loss(model, ids)
    loss.backward()
    tensors = {f"grad.{name}": p.grad.float() for name, p in model.named_parameters()}
    tensors |= {"loss": loss.detach()[None], "adamw_losses": adamw_losses(fresh(), ids)}
    if kind is transformers.LlamaForCausalLM:
        norm, rotary = modeling_llama.LlamaRMSNorm, modeling_llama.LlamaRotaryEmbedding
        with mock.patch.object(norm, "forward", exact_rms_norm), mock.patch.object(rotary, "forward", exact_rotary):
            tensors["exact_losses"] = adamw_losses(fresh("sdpa"), ids)
    return tensors


def exact_rms_norm(self: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def exact_rotary(self: torch.nn.Module, x: torch.Tensor, position_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    pairs = torch.arange(0, self.config.head_dim, 2, dtype=torch.float64) / self.config.head_dim
    angle = position_ids[0, :, None].double() * self.config.rope_parameters["rope_theta"] ** -pairs
    angle = torch.cat((angle, angle), -1)[None]
    return angle.cos(), angle.sin()


def encoder_layer(norm_first: bool, x: torch.Tensor) -> dict[str, torch.Tensor]:
    layer = torch.nn.TransformerEncoderLayer(24, 4, 40, batch_first=True, norm_first=norm_first).eval()
    randomize(layer, 0.15)
    with torch.no_grad():
        y = layer(x[None])[0]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(len(x))
        y_causal = layer(x[None], src_mask=mask, is_causal=True)[0]
        seen = layer.norm1(x) if norm_first else x
        weights = layer.self_attn(seen[None], seen[None], seen[None], average_attn_weights=False)[1][0]
    tensors = {f"param.{name}": p.detach() for name, p in layer.named_parameters()}
    return tensors | {"x": x, "y": y, "y_causal": y_causal, "weights": weights}


def write(tensors: dict[str, torch.Tensor], path: Path) -> None:
    save_file({name: t.detach().clone() for name, t in tensors.items()}, path)
    print(path, len(tensors), "tensors")


def main(target: Path) -> None:
    if target.resolve() == Path(__file__).parent.resolve():
        raise SystemExit("write to another folder, compare, then copy")
    torch.manual_seed(0)
    for name, (kind, config, n_tokens) in CHECKPOINTS.items():
        folder = target / name
        model = kind(config).eval()
        randomize(model, 0.15)
        model.save_pretrained(folder)
        ids = torch.randint(config.vocab_size, (n_tokens,))
        write(
            expected(kind.from_pretrained(folder, attn_implementation="eager").eval(), ids),
            folder / "expected.safetensors",
        )
        if kind is not transformers.BertModel:
            write(train(folder, kind, ids), folder / "train.safetensors")
    x = torch.randn(9, 24)
    layers = {"post": encoder_layer(False, x), "pre": encoder_layer(True, x)}
    write(
        {f"{at}.{name}": t for at, tensors in layers.items() for name, t in tensors.items()},
        target / "torch_encoder_layer.safetensors",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
