"""Regenerate the reference files of seq2seq/: encoder-decoders of transformers, and torch.nn.Transformer itself.

    /tmp/reference/bin/python tests/golden/make_seq2seq.py /tmp/golden     # writes there, never over this folder

Each checkpoint has random weights. `expected.safetensors` has `source` and `target`; `encoder.hidden.i`,
`encoder.attn.i`, `decoder.hidden.i`, `decoder.attn.i`, `cross.attn.i`; `logits`, and `loss`, the mean next-token
cross-entropy of the target. `train.safetensors` has the gradients `grad.NAME`, computed in float64.
`torch_transformer.safetensors` is torch.nn.Transformer with the norm after (`post`) and before (`pre`): `param.NAME`,
`source` and `target`, what goes in, and `out`; the decoder is causal, the last two places of the source are padding.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers
from make_golden import randomize, write
from torch.nn import functional as F

SIZES = dict(d_model=24, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=40, decoder_ffn_dim=40, dropout=0.0)
CHECKPOINTS = {
    "marian-tiny": (
        transformers.MarianMTModel,
        transformers.MarianConfig(
            **SIZES,
            **dict(vocab_size=80, encoder_attention_heads=3, decoder_attention_heads=3, max_position_embeddings=32),
            **dict(scale_embedding=True, activation_function="relu", pad_token_id=79, decoder_start_token_id=79),
        ),
    ),
    "bart-tiny": (
        transformers.BartForConditionalGeneration,
        transformers.BartConfig(
            **SIZES | dict(encoder_layers=1, encoder_ffn_dim=28),
            **dict(vocab_size=51, encoder_attention_heads=4, decoder_attention_heads=2, max_position_embeddings=20),
        ),
    ),
}


def expected(model: torch.nn.Module, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        out = model(source[None], decoder_input_ids=target[None], output_hidden_states=True, output_attentions=True)
    tensors = {"source": source, "target": target, "logits": out.logits[0]}
    for name, states, patterns in (
        ("encoder", out.encoder_hidden_states, out.encoder_attentions),
        ("decoder", out.decoder_hidden_states, out.decoder_attentions),
    ):
        tensors |= {f"{name}.hidden.{i}": h[0] for i, h in enumerate(states)}
        tensors |= {f"{name}.attn.{i}": a[0] for i, a in enumerate(patterns)}
    tensors |= {f"cross.attn.{i}": a[0] for i, a in enumerate(out.cross_attentions)}
    return tensors | {"loss": F.cross_entropy(out.logits[0, :-1], target[1:]).double()[None]}


def gradients(model: torch.nn.Module, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
    logits = model(source[None], decoder_input_ids=target[None]).logits[0]
    loss = F.cross_entropy(logits[:-1], target[1:])
    loss.backward()
    found = {f"grad.{name}": p.grad.float() for name, p in model.named_parameters()}
    return found | {"loss": loss.detach()[None]}


def torch_transformer(norm_first: bool) -> dict[str, torch.Tensor]:
    model = torch.nn.Transformer(16, 2, 2, 1, 20, dropout=0.0, batch_first=True, norm_first=norm_first).eval()
    randomize(model, 0.25)
    source, target = torch.randn(7, 16), torch.randn(5, 16)
    padding = torch.arange(7) > 4
    with torch.no_grad():
        out = model(
            source[None],
            target[None],
            tgt_mask=torch.nn.Transformer.generate_square_subsequent_mask(5),
            src_key_padding_mask=padding[None],
            memory_key_padding_mask=padding[None],
        )[0]
    tensors = {f"param.{name}": p.detach() for name, p in model.named_parameters()}
    return tensors | {"source": source, "target": target, "out": out}


def main(folder: Path) -> None:
    if folder.resolve() == Path(__file__).parent.resolve():
        raise SystemExit("write to another folder, compare, then copy")
    for seed, (name, (kind, config)) in enumerate(CHECKPOINTS.items()):
        torch.manual_seed(seed)
        model = kind(config).eval()
        randomize(model, 0.25)
        model.final_logits_bias.normal_(0, 0.3)
        model.save_pretrained(folder / name)
        (folder / name / "generation_config.json").unlink(missing_ok=True)
        source, target = (torch.randint(3, config.vocab_size, (n,)) for n in (9, 8))
        fresh = kind.from_pretrained(folder / name, attn_implementation="eager").eval()
        write(expected(fresh, source, target), folder / name / "expected.safetensors")
        write(gradients(fresh.double(), source, target), folder / name / "train.safetensors")
    torch.manual_seed(9)
    both = {f"{at}.{name}": t for at in ("post", "pre") for name, t in torch_transformer(at == "pre").items()}
    write(both, folder / "torch_transformer.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
