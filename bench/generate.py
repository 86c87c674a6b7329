"""Generation with the cache, without it, and by transformers: tokens a second of a model in GPT-2 small's shape.

    python -m bench.generate [--tokens 128] [--prompt 32] [--rounds 3] [--threads 1]

The model's 124 million weights are random. All write greedily from the same context, in one process, on the same
threads, in turn; that they write the same text is checked. Without transformers its row stays empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np

import core
from bench import between, machine, print_table
from bench.gpt2 import gpt2
from bench.timing import on_threads
from ui import process

try:
    import torch
    import transformers
except ImportError:
    torch = None

CONFIG = gpt2(vocab_size=50257, n_ctx=1024, d_model=768, n_layers=12, n_heads=12, tied_unembed=True)


def fibra(params: dict[str, np.ndarray], ids: np.ndarray, n: int, cache: bool) -> Callable[[], list[int]]:
    return lambda: [step.token for step in core.generate(params, CONFIG, ids, n, temperature=0, cache=cache)]


# -------------------------------------------------------------------------------------------------------- the peer


def transformers_model(params: dict[str, np.ndarray]) -> transformers.GPT2LMHeadModel:
    """The same weights in transformers' GPT-2, whose matrices are (in, out) too."""
    with torch.device("meta"):
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
    state = {"transformer.wte.weight": params["embed.W_E"], "transformer.wpe.weight": params["pos_embed.W_pos"]}
    state |= {f"transformer.ln_f.{a}": params[f"ln_final.{b}"] for a, b in (("weight", "w"), ("bias", "b"))}
    for i in range(CONFIG.n_layers):
        ours, theirs = f"blocks.{i}.", f"transformer.h.{i}."
        for a, b in (("weight", "W"), ("bias", "b")):
            qkv = [params[f"{ours}attn.{b}_{name}"] for name in "QKV"]
            state[f"{theirs}attn.c_attn.{a}"] = np.concatenate(qkv, axis=-1)
            for name, part in (("attn.c_proj", "attn.{}_O"), ("mlp.c_fc", "mlp.{}_in"), ("mlp.c_proj", "mlp.{}_out")):
                state[f"{theirs}{name}.{a}"] = params[ours + part.format(b)]
        for k in (1, 2):
            state |= {f"{theirs}ln_{k}.{a}": params[f"{ours}ln{k}.{b}"] for a, b in (("weight", "w"), ("bias", "b"))}
    state["lm_head.weight"] = state["transformer.wte.weight"]
    model.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()}, assign=True)
    return model.eval()


def peer(params: dict[str, np.ndarray], ids: np.ndarray, n: int) -> Callable[[], list[int]]:
    model = transformers_model(params)
    context = torch.from_numpy(ids)[None]
    knobs = dict(max_new_tokens=n, min_new_tokens=n, do_sample=False, use_cache=True, pad_token_id=0)

    def write() -> list[int]:
        return model.generate(context, attention_mask=torch.ones_like(context), **knobs)[0, len(ids) :].tolist()

    return write


# ---------------------------------------------------------------------------------------------------------- timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=between(1, 512, int), default=128)
    parser.add_argument("--prompt", type=between(1, 512, int), default=32)
    parser.add_argument("--rounds", type=between(1, 100, int), default=3)
    parser.add_argument("--threads", type=between(1, 64, int), default=1)
    arguments = parser.parse_args()
    on_threads(arguments.threads, "bench.generate")
    process.prepare()
    print(machine())

    n, params = arguments.tokens, core.init_params(CONFIG)
    ids = np.random.default_rng(0).integers(0, CONFIG.vocab_size, arguments.prompt)
    writers = {"Fibra, cache": fibra(params, ids, n, True), "Fibra, no cache": fibra(params, ids, n, False)}
    if torch is not None:
        torch.set_grad_enabled(False)
        writers["transformers, cache"] = peer(params, ids, n)
    took: dict[str, list[float]] = {name: [] for name in writers}
    for _ in range(arguments.rounds):
        texts = set()
        for name, write in writers.items():
            start = perf_counter()
            texts.add(tuple(write()))
            took[name].append(perf_counter() - start)
        assert len(texts) == 1, "they do not write the same"

    print(f"{arguments.threads} thread(s), {n} tokens after {len(ids)}, the best of {arguments.rounds} rounds")
    print("Bars: without the cache at least 8 times Fibra's time with it; transformers at least 1.00")
    ours = min(took["Fibra, cache"])  # the best: other programs only ever add to it
    rows = []
    for name in ("Fibra, cache", "Fibra, no cache", "transformers, cache"):
        time = min(took.get(name, [float("nan")]))
        rows.append([name, f"{time:.2f}", f"{n / time:.1f}", f"{time / ours:.2f}"])
    print_table(["", "seconds", "tokens a second", "times"], rows)


if __name__ == "__main__":
    main()
