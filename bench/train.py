"""One step of training (forward, loss, backward, clipping, AdamW) against the same in PyTorch.

    python -m bench.train [--rounds 20] [--threads 1]

PyTorch runs eagerly, with its attention written out, and again with its fused attention; its AdamW as it comes. All run
in one process, in turn, on the same threads. Without PyTorch its columns stay empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import sqrt

import numpy as np

import core
from bench import between, print_table
from bench.gpt2 import gpt2
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
    for tensor in p.values():
        tensor.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        p.values(), lr=RECIPE.rate, betas=(RECIPE.beta1, RECIPE.beta2), eps=RECIPE.eps, weight_decay=RECIPE.weight_decay
    )
    ids, targets = torch.from_numpy(batch.ids), torch.from_numpy(batch.targets)
    mask = torch.full((TOKENS, TOKENS), -torch.inf).triu(1)

    def step() -> float:
        logits = torch_logits(p, ids, mask, fused)
        loss = F.cross_entropy(logits.view(-1, CONFIG.vocab_size), targets.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(p.values(), RECIPE.clip)
        optimizer.step()
        return loss.item()

    return step


def contenders() -> dict[str, Callable[[], float]]:
    """Each takes a step on the same batch, from the same parameters; that they agree is checked first."""
    rng = np.random.default_rng(0)
    text = rng.integers(0, CONFIG.vocab_size, (BATCH, TOKENS + 1))
    batch = Batch(text[:, :-1], text[:, 1:])
    params = core.init_params(CONFIG)
    state = State.start(params)
    steps = train(state, CONFIG, lambda _: batch, RECIPE)
    found = {"fibra": lambda: next(steps).loss}
    if torch is not None:
        found |= {"eager": torch_step(params, batch, False), "fused": torch_step(params, batch, True)}
        for _ in range(3):
            losses = [function() for function in found.values()]
            assert max(losses) - min(losses) < 1e-4, "they do not compute the same"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=between(1, 1000, int), default=20)
    parser.add_argument("--threads", type=between(1, 64, int), default=1)
    arguments = parser.parse_args()
    on_threads(arguments.threads, "bench.train")
    process.prepare()
    ms = medians(contenders(), arguments.rounds)
    print(f"{arguments.threads} thread(s), medians of {arguments.rounds} rounds, milliseconds a step")
    print("4 layers, 4 heads, d 128, 64 tokens, batch 12, vocabulary 65")
    print("Bars: at most 0.70 of PyTorch eager; at most 1.00 of PyTorch with fused attention")
    eager, fused = (ms.get(name, float("nan")) for name in ("eager", "fused"))
    row = [
        *(f"{value:.1f}" for value in (ms["fibra"], eager, fused)),
        *(f"{ms['fibra'] / v:.2f}" for v in (eager, fused)),
    ]
    print_table(["Fibra", "PyTorch eager", "PyTorch fused", "of eager", "of fused"], [row])


if __name__ == "__main__":
    main()
