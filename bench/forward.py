"""`core.forward` with its full trace, against the same model written plainly in PyTorch, and against the bare products.

    python -m bench.forward [--rounds 30] [--threads 1]

The bare products are the model's matrix products alone, in NumPy, on arrays of the same shapes: what is left of
forward when everything else is free. All are timed in one process, in turn, on the same threads. Without PyTorch its
columns stay empty.
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
from ui import process

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    torch = None

# tokens, d_model, heads, layers
SIZES = [(5, 4, 1, 1), (10, 64, 4, 2), (32, 128, 4, 4), (64, 256, 8, 6), (64, 768, 12, 12)]
VOCABULARY = 1000


# ------------------------------------------------------------------------------------------------------- the peers


def torch_forward(p: dict, c: core.Config, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same model as one writes it in PyTorch, each intermediate kept. Matrices are (out, in), as F.linear wants."""
    t = {}
    n, d = len(ids), c.d_model
    x = t["embed"] = F.embedding(ids, p["embed.W_E"])
    x = x + p["pos_embed.W_pos"][:n]
    for i in range(c.n_layers):
        at = f"blocks.{i}."
        t[at + "resid_pre"] = x
        h = t[at + "ln1.out"] = F.layer_norm(x, (d,), p[at + "ln1.w"], p[at + "ln1.b"], c.norm_eps)
        q, k, v = (
            F.linear(h, p[at + "attn.W_" + name], p[at + "attn.b_" + name]).view(n, c.n_heads, -1).transpose(0, 1)
            for name in "QKV"
        )
        t[at + "attn.q"], t[at + "attn.k"], t[at + "attn.v"] = q, k, v
        scores = t[at + "attn.scores"] = q @ k.transpose(-1, -2)
        scores = t[at + "attn.scores_scaled"] = scores / sqrt(c.head_width)
        scores = t[at + "attn.scores_masked"] = scores + mask
        pattern = t[at + "attn.pattern"] = torch.softmax(scores, -1)
        z = t[at + "attn.z"] = pattern @ v
        out = F.linear(z.transpose(0, 1).reshape(n, d), p[at + "attn.W_O"], p[at + "attn.b_O"])
        t[at + "attn_out"] = out
        x = t[at + "resid_mid"] = x + out
        h = t[at + "ln2.out"] = F.layer_norm(x, (d,), p[at + "ln2.w"], p[at + "ln2.b"], c.norm_eps)
        h = t[at + "mlp.pre"] = F.linear(h, p[at + "mlp.W_in"], p[at + "mlp.b_in"])
        h = t[at + "mlp.post"] = F.gelu(h, approximate="tanh")
        out = t[at + "mlp_out"] = F.linear(h, p[at + "mlp.W_out"], p[at + "mlp.b_out"])
        x = t[at + "resid_post"] = x + out
    x = t["ln_final.out"] = F.layer_norm(x, (d,), p["ln_final.w"], p["ln_final.b"], c.norm_eps)
    t["logits"] = F.linear(x, p["unembed.W_U"])
    return t


def bare_products(params: dict[str, np.ndarray], c: core.Config, n: int) -> Callable[[], None]:
    """A function that computes the model's matrix products and nothing else."""
    rng = np.random.default_rng(0)
    x, hidden = (rng.standard_normal((n, width), np.float32) for width in (c.d_model, c.d_mlp))
    q, k, v = (rng.standard_normal((c.n_heads, n, c.head_width), np.float32) for _ in range(3))
    pattern = rng.standard_normal((c.n_heads, n, n), np.float32)
    layers = [
        [
            params[f"blocks.{i}.{name}"]
            for name in ("attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.W_out")
        ]
        for i in range(c.n_layers)
    ]

    def run() -> None:
        for W_Q, W_K, W_V, W_O, W_in, W_out in layers:
            x @ W_Q
            x @ W_K
            x @ W_V
            q @ k.swapaxes(-1, -2)
            pattern @ v
            x @ W_O
            x @ W_in
            hidden @ W_out
        x @ params["unembed.W_U"]

    return run


# ---------------------------------------------------------------------------------------------------------- timing


def contenders(size: tuple[int, int, int, int]) -> dict[str, Callable[[], object]]:
    n, d_model, n_heads, n_layers = size
    config = gpt2(VOCABULARY, n, d_model, n_layers, n_heads)
    params = core.init_params(config)
    ids = np.arange(n) % VOCABULARY
    found = {"fibra": lambda: core.forward(params, config, ids), "bare": bare_products(params, config, n)}
    if torch is not None:
        p = {
            name: torch.from_numpy(a.T.copy() if ".W_" in name and "embed.W_E" != name != "pos_embed.W_pos" else a)
            for name, a in params.items()
        }
        ids_, mask = torch.from_numpy(ids), torch.full((n, n), -torch.inf).triu(1)
        agree = torch_forward(p, config, ids_, mask)["logits"].numpy() - core.forward(params, config, ids)["logits"]
        assert np.abs(agree).max() < 1e-5, "the two do not compute the same"
        found["torch"] = lambda: torch_forward(p, config, ids_, mask)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=between(1, 1000, int), default=30)
    parser.add_argument("--threads", type=between(1, 64, int), default=1)
    arguments = parser.parse_args()
    on_threads(arguments.threads, "bench.forward")
    process.prepare()
    if torch is not None:
        torch.set_grad_enabled(False)

    rows = []
    for size in SIZES:
        ms = medians(contenders(size), arguments.rounds)
        peer = ms.get("torch", float("nan"))
        rows.append(
            [
                "{} tokens, d {}, {} heads, {} layers".format(*size),
                *(f"{value:.3f}" for value in (ms["fibra"], peer, ms["bare"])),
                f"{ms['fibra'] / peer:.2f}",
                f"{ms['fibra'] / ms['bare']:.2f}",
            ]
        )
    print(f"{arguments.threads} thread(s), medians of {arguments.rounds} rounds, milliseconds")
    print("Bars: at most 1.15 of the bare products at d >= 256, at most 0.70 of PyTorch below")
    print_table(["model", "Fibra", "PyTorch", "products", "of PyTorch", "of products"], rows)


if __name__ == "__main__":
    main()
