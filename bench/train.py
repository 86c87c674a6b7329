"""One step of training (forward, loss, backward, clipping, AdamW) against the same in PyTorch.

    python -m bench.train [--rounds 20] [--threads 1]
    python -m bench.train --marian           # an encoder and a decoder, against transformers' Marian

PyTorch runs eagerly, with its attention written out, and again with its fused attention; its AdamW as it comes. All run
in one process, in turn, on the same threads. Without PyTorch its columns stay empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from copy import deepcopy
from math import sqrt
from typing import Any

import numpy as np

import core
from bench import between, print_table
from bench.gpt2 import gpt2
from bench.marian import marian
from bench.timing import medians, on_threads
from core.train.loop import Batch, Recipe, State, train
from ui import process

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    torch = None

BATCH, TOKENS = 12, 64
CONFIG = gpt2(vocab_size=65, n_ctx=TOKENS, d_model=128, n_layers=4, n_heads=4)
RECIPE = Recipe(steps=10**9, rate=1e-3, decay_all=True)


def torch_logits(p: dict[str, torch.Tensor], ids: torch.Tensor, mask: torch.Tensor, fused: bool) -> torch.Tensor:
    """The same model as one writes it in PyTorch. Matrices are (out, in), as F.linear wants."""
    c = CONFIG
    b, n = ids.shape
    x = F.embedding(ids, p["embed.W_E"]) + p["pos_embed.W_pos"][:n]
    for i in range(c.n_layers):
        at = f"blocks.{i}."
        h = F.layer_norm(x, (c.d_model,), p[at + "ln1.w"], p[at + "ln1.b"], c.norm_eps)
        q, k, v = (
            F.linear(h, p[at + "attn.W_" + name], p[at + "attn.b_" + name]).view(b, n, c.n_heads, -1).transpose(1, 2)
            for name in "QKV"
        )
        if fused:
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-1, -2) / sqrt(c.head_width)
            z = torch.softmax(scores + mask, -1) @ v
        x = x + F.linear(z.transpose(1, 2).reshape(b, n, -1), p[at + "attn.W_O"], p[at + "attn.b_O"])
        h = F.layer_norm(x, (c.d_model,), p[at + "ln2.w"], p[at + "ln2.b"], c.norm_eps)
        h = F.gelu(F.linear(h, p[at + "mlp.W_in"], p[at + "mlp.b_in"]), approximate="tanh")
        x = x + F.linear(h, p[at + "mlp.W_out"], p[at + "mlp.b_out"])
    x = F.layer_norm(x, (c.d_model,), p["ln_final.w"], p["ln_final.b"], c.norm_eps)
    return F.linear(x, p["unembed.W_U"])


def torch_step(params: dict[str, np.ndarray], batch: Batch, fused: bool) -> Callable[[], float]:
    """A function that takes one step and gives the loss before it."""
    p = {
        name: torch.from_numpy(a.T.copy() if ".W_" in name and "embed.W_E" != name != "pos_embed.W_pos" else a.copy())
        for name, a in params.items()
    }
    ids, targets = torch.from_numpy(batch.ids), torch.from_numpy(batch.targets)
    mask = torch.full((TOKENS, TOKENS), -torch.inf).triu(1)
    return stepping(p.values(), lambda: torch_logits(p, ids, mask, fused), targets)


def marian_step(model: Any, batch: Batch, fused: bool) -> Callable[[], float]:
    """The same for a copy of transformers' Marian; the bias of its logits, which it never learns, learns here too."""
    model = deepcopy(model)
    model.set_attn_implementation("sdpa" if fused else "eager")
    ids, targets, source = (torch.from_numpy(part) for part in (batch.ids, batch.targets, batch.source))
    learned = [p for p in model.parameters() if p.requires_grad] + [model.final_logits_bias]
    return stepping(learned, lambda: model(source, decoder_input_ids=ids, use_cache=False).logits, targets)


def stepping(
    parameters: Iterable[torch.Tensor], logits: Callable[[], torch.Tensor], targets: torch.Tensor
) -> Callable[[], float]:
    """A function that takes a step of AdamW and gives the loss before it."""
    parameters = [tensor.requires_grad_(True) for tensor in parameters]
    optimizer = torch.optim.AdamW(
        parameters, lr=RECIPE.rate, betas=(RECIPE.beta1, RECIPE.beta2), eps=RECIPE.eps, weight_decay=RECIPE.weight_decay
    )

    def step() -> float:
        loss = F.cross_entropy(logits().flatten(0, -2), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, RECIPE.clip)
        optimizer.step()
        return loss.item()

    return step


def contenders(two_stacks: bool) -> dict[str, Callable[[], float]]:
    """Each takes a step on the same batch, from the same parameters; that they agree is checked first."""
    rng = np.random.default_rng(0)
    n = TOKENS // 2 if two_stacks else TOKENS  # of each text
    text = rng.integers(0, CONFIG.vocab_size - 1, (BATCH, n + 1))  # the last token is Marian's padding
    batch, peer = Batch(text[:, :-1], text[:, 1:]), None
    if two_stacks:
        config, params, peer = marian(CONFIG.vocab_size, TOKENS, CONFIG.d_model, CONFIG.n_layers, CONFIG.n_heads)
        batch = Batch(batch.ids, batch.targets, source=rng.integers(0, CONFIG.vocab_size - 1, (BATCH, n)))
    else:
        config, params = CONFIG, core.init_params(CONFIG)
    steps = train(State.start(params), config, lambda _: batch, RECIPE)
    found = {"fibra": lambda: next(steps).loss}
    if torch is not None:
        for name, fused in (("eager", False), ("fused", True)):
            found[name] = marian_step(peer, batch, fused) if two_stacks else torch_step(params, batch, fused)
        for _ in range(3):
            losses = [function() for function in found.values()]
            assert max(losses) - min(losses) < 1e-4, "they do not compute the same"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=between(1, 1000, int), default=20)
    parser.add_argument("--threads", type=between(1, 64, int), default=1)
    parser.add_argument("--marian", action="store_true", help="an encoder and a decoder, of 4 layers each")
    arguments = parser.parse_args()
    on_threads(arguments.threads, "bench.train")
    process.prepare()
    ms = medians(contenders(arguments.marian), arguments.rounds)
    print(f"{arguments.threads} thread(s), medians of {arguments.rounds} rounds, milliseconds a step")
    layers, tokens = ("4 + 4", "32 tokens read, 32 written") if arguments.marian else ("4", "64 tokens")
    print(f"{layers} layers, 4 heads, d 128, {tokens}, batch 12, vocabulary 65")
    print("Bars: at most 0.70 of PyTorch eager; at most 1.00 of PyTorch with fused attention")
    eager, fused = (ms.get(name, float("nan")) for name in ("eager", "fused"))
    row = [
        *(f"{value:.1f}" for value in (ms["fibra"], eager, fused)),
        *(f"{ms['fibra'] / v:.2f}" for v in (eager, fused)),
    ]
    print_table(["Fibra", "PyTorch eager", "PyTorch fused", "of eager", "of fused"], [row])


if __name__ == "__main__":
    main()
