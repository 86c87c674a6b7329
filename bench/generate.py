"""Generation with the cache, without it, and by transformers: tokens a second of a model in GPT-2 small's shape.

    python -m bench.generate [--tokens 128] [--prompt 32] [--rounds 3] [--threads 1]
    python -m bench.generate --gguf SmolLM2-135M-Instruct.Q4_1.gguf       # a real Llama, whose matrices are quantized
    python -m bench.generate --marian     # six layers that read and six that write, in the shape of the Opus-MT models

The model's 124 million weights are random, unless a file of some is given: transformers has them as float32. All write
greedily from the same context, in one process, on the same threads, in turn; that they write the same text is checked.
Without transformers its row stays empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np

import core
from bench import between, machine, print_table
from bench.gpt2 import gpt2
from bench.marian import marian
from bench.timing import on_threads
from core.params import Params
from ui import process

try:
    import torch
    import transformers
except ImportError:
    torch = None

CONFIG = gpt2(vocab_size=50257, n_ctx=1024, d_model=768, n_layers=12, n_heads=12, tied_unembed=True)
OPUS = (58101, 512, 512, 6, 8)  # vocabulary, context, width, layers of each stack, heads


def fibra(
    params: Params, config: core.Config, ids: np.ndarray, n: int, cache: bool, source: np.ndarray | None = None
) -> Callable[[], list[int]]:
    knobs = {"temperature": 0, "cache": cache, "source": source}
    return lambda: [step.token for step in core.generate(params, config, ids, n, **knobs)]


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


def transformers_llama(params: Params, config: core.Config) -> transformers.LlamaForCausalLM:
    """The same weights, as float32, in transformers' Llama, whose matrices are (out, in)."""
    with torch.device("meta"):
        about = transformers.LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.d_model,
            intermediate_size=config.d_mlp,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.head_width,
            rms_norm_eps=config.norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": config.rotary_base},
            max_position_embeddings=config.n_ctx,
            tie_word_embeddings=config.tied_unembed,
        )
        model = transformers.LlamaForCausalLM(about)
    names = {f"self_attn.{a}_proj": f"attn.W_{b}" for a, b in zip("qkvo", "QKVO", strict=True)}
    names |= {f"mlp.{a}_proj": f"mlp.W_{b}" for a, b in (("gate", "gate"), ("up", "in"), ("down", "out"))}
    state = {"model.embed_tokens.weight": np.asarray(params["embed.W_E"]), "model.norm.weight": params["ln_final.w"]}
    for i in range(config.n_layers):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        state |= {f"{theirs}{a}.weight": np.asarray(params[ours + b]).T.copy() for a, b in names.items()}
        state |= {f"{theirs}{a}_layernorm.weight": params[f"{ours}{b}.w"] for a, b in NORMS}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()}, assign=True)
    model.tie_weights()
    # What was made on no device has no frequencies: they are made again, on this one.
    model.model.rotary_emb = type(model.model.rotary_emb)(about)
    return model.eval()


NORMS = (("input", "ln1"), ("post_attention", "ln2"))


def peer(model: transformers.PreTrainedModel, ids: np.ndarray, n: int) -> Callable[[], list[int]]:
    context = torch.from_numpy(ids)[None]
    knobs = dict(max_new_tokens=n, min_new_tokens=n, do_sample=False, use_cache=True, pad_token_id=0)

    def write() -> list[int]:
        return model.generate(context, attention_mask=torch.ones_like(context), **knobs)[0, len(ids) :].tolist()

    return write


def translating_peer(model: transformers.MarianMTModel, source: np.ndarray, n: int) -> Callable[[], list[int]]:
    """The same for a model that reads `source` once, and writes from its first token on; nothing ends it."""
    read = torch.from_numpy(source)[None]
    model.generation_config.eos_token_id = model.generation_config.forced_eos_token_id = None
    knobs = dict(max_new_tokens=n, do_sample=False, num_beams=1, use_cache=True)
    return lambda: model.generate(read, attention_mask=torch.ones_like(read), **knobs)[0, 1:].tolist()


# ---------------------------------------------------------------------------------------------------------- timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=between(1, 512, int), default=128)
    parser.add_argument("--prompt", type=between(1, 512, int), default=32)
    parser.add_argument("--rounds", type=between(1, 100, int), default=3)
    parser.add_argument("--gguf", help="a Llama, in place of random weights")
    parser.add_argument("--marian", action="store_true", help="two stacks of random weights; the prompt is read")
    parser.add_argument("--threads", type=between(1, 64, int), default=1)
    arguments = parser.parse_args()
    on_threads(arguments.threads, "bench.generate")
    process.prepare()
    print(machine())

    n, source, theirs = arguments.tokens, None, None
    if arguments.gguf:
        model = core.load_pretrained(arguments.gguf)
        config, params = model.config, model.params
    elif arguments.marian:
        config, params, theirs = marian(*OPUS)
    else:
        config, params = CONFIG, core.init_params(CONFIG)
    ids = np.random.default_rng(0).integers(0, config.vocab_size - 1, arguments.prompt)
    if arguments.marian:
        ids, source = np.array([config.vocab_size - 1]), ids
    writers = {"Fibra, cache": fibra(params, config, ids, n, True, source)}
    if not arguments.gguf:  # whose matrices would be widened for every token
        writers["Fibra, no cache"] = fibra(params, config, ids, n, False, source)
    if torch is not None:
        torch.set_grad_enabled(False)
        if source is not None:
            writers["transformers, cache"] = translating_peer(theirs, source, n)
        else:
            theirs = transformers_llama(params, config) if arguments.gguf else transformers_model(params)
            writers["transformers, cache"] = peer(theirs, ids, n)
    took: dict[str, list[float]] = {name: [] for name in writers}
    for _ in range(arguments.rounds):
        texts = set()
        for name, write in writers.items():
            start = perf_counter()
            texts.add(tuple(write()))
            took[name].append(perf_counter() - start)
        assert len(texts) == 1, "they do not write the same"

    print(f"{arguments.threads} thread(s), {n} tokens after {arguments.prompt}, the best of {arguments.rounds} rounds")
    print("Bars: without the cache at least 8 times Fibra's time with it; transformers at least 1.00")
    ours = min(took["Fibra, cache"])  # the best: other programs only ever add to it
    rows = []
    for name in took | {"transformers, cache": took.get("transformers, cache", [float("nan")])}:
        time = min(took.get(name, [float("nan")]))
        rows.append([name, f"{time:.2f}", f"{n / time:.1f}", f"{time / ours:.2f}"])
    print_table(["", "seconds", "tokens a second", "times"], rows)


if __name__ == "__main__":
    main()
