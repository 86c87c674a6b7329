"""A Scene as a program for TransformerLens: its own model with this one's weights, and a check against the screen.

HookedTransformer is a decoder or an encoder that adds to its stream, with norms before its parts. What is otherwise is
refused by name, never written as something near it. Names as TransformerLens 2 and 3 have them; 4 has none of it.
"""

from __future__ import annotations

import io
from dataclasses import fields
from math import sqrt
from typing import Any

import numpy as np

from ..config import Config, param_shapes
from ..ops.positions import sinusoidal
from ..scene.run import Run
from ..scene.scene import Scene
from .program import Program, called, screen

FILE = "fibra-weights.npz"  # beside the program
KINDS = {"none": None, "layer": "LN", "rms": "RMS"}
ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "gelu_tanh": "gelu_new", "silu": "silu"}
POSITIONS = ("none", "sinusoidal", "learned", "rotary")
# Of the Config, what is said below, or has a reason of its own, or alters no number of a run: any other field is
# refused as soon as it is not as by default, so that a new one is never left out in silence.
SAID = {
    *("vocab_size", "n_ctx", "d_model", "n_layers", "n_heads", "n_kv_heads", "d_head", "d_mlp", "causal", "scale"),
    *("positions", "sine_halves", "rotary_base", "rotary_dim", "norm", "norm_at", "norm_eps", "padding_id"),
    *("embed_norm", "final_norm", "residual", "projections", "qkv_bias", "out_bias", "mlp_bias", "activation", "gated"),
    *("unembed", "tied_unembed", "unembed_bias", "init"),
}
SETUP = """import numpy as np
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig
"""
WEIGHTS = '''weights = dict(np.load("{file}"))  # the file that came with this one: matrices are (in, out)
embeddings = weights.pop("embeddings", None)


def by_head(array):
    """[..., heads * d_head] -> [n_heads, ..., d_head]; keys and values that several heads share are repeated."""
    parts = np.stack(np.split(array, array.shape[-1] // cfg.d_head, axis=-1))
    return np.repeat(parts, cfg.n_heads // len(parts), axis=0)


state = {{}}
for name, array in weights.items():
    if name.endswith(("W_Q", "W_K", "W_V", "b_Q", "b_K", "b_V")):
        array = by_head(array)
    elif name.endswith("W_O"):
        array = array.reshape(cfg.n_heads, cfg.d_head, cfg.d_model)
    state[name] = torch.tensor(array)
model = HookedTransformer(cfg)
_, unknown = model.load_state_dict(state, strict=False)
assert not unknown, unknown
'''
OWN = '''
def chosen(x, hook):
    """The embeddings that were chosen or edited by hand."""
    return torch.tensor(embeddings, dtype=x.dtype)[None]


hooks.append(("hook_embed", chosen))
'''
OFF = '''

def off(heads):
    """Zeros in place of what these heads give."""

    def silence(z, hook):
        z[:, :, heads] = 0
        return z

    return silence


for layer, heads in {heads!r}.items():
    hooks.append((f"blocks.{{layer}}.attn.hook_z", off(heads)))
'''
RUN = """
with torch.no_grad(), model.hooks(fwd_hooks=hooks):
    logits, cache = model.run_with_cache(torch.tensor([ids]))
for name, array in cache.items():
    print(f"{name:32} {tuple(array.shape)}")
"""
CHECK = '''TOLERANCE = 1e-4  # of the largest number in a row: float32 on both sides, added up in another order


def lens(name):
    """What TransformerLens calls an array of the trace."""
    path, _, last = name.rpartition(".")
    return f"{path}.hook_{last}" if path else f"hook_{last}"


for name, place, numbers in SCREEN:
    here = (logits if name == "logits" else cache[lens(name)])[0].numpy()
    here = here.transpose(1, 0, 2) if name.endswith(".z") else here  # [pos, head, d_head] there
    here, on_screen = here[place][: len(numbers)], np.array(numbers)
    same = np.allclose(here, on_screen, rtol=0, atol=TOLERANCE * np.abs(on_screen).max())
    assert same, f"{name}{[*place]}: {here} here, {on_screen} on the screen"
    print(f"{name}{[*place]}: ok")
'''


def refused(scene: Scene) -> str:
    """What HookedTransformer cannot be of this Scene's model: a word for the reason; "" where it can be all of it."""
    config = scene.config
    reasons = {
        "stacks": bool(config.n_encoder_layers),
        "projections": not config.projections,
        "residual": not config.residual,
        "post": config.norm != "none" and config.norm_at == "post",
        "softmax": "softmax" in scene.off,
        "cut": bool(scene.cut),
        "patch": scene.patch is not None,
        "norms": config.embed_norm or (config.unembed and config.norm != "none" and not config.final_norm),
        "other": any(one.name not in SAID and getattr(config, one.name) != one.default for one in fields(config))
        or config.norm not in KINDS
        or config.positions not in POSITIONS
        or (config.d_mlp > 0 and config.activation not in ACTIVATIONS)
        or (config.gated and config.mlp_bias),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def transformer_lens(scene: Scene, run: Run) -> Program:
    """The program, and the bytes of FILE, for a Scene that is not `refused`."""
    config, change = scene.config, scene.interventions
    weights = _weights(run, config, change.off)
    ids = run.encoding.ids
    own = not np.array_equal(weights["embed.W_E"][ids], run.embeddings)
    if own:
        weights["embeddings"] = run.embeddings.astype(np.float32)
    heads: dict[int, list[int]] = {}
    for layer, head, *_ in sorted(change.ablated):
        heads.setdefault(layer, []).append(head)
    lines = [f"tokens = {scene.tokens!r}", f"ids = {ids.tolist()!r}", "hooks = []"]
    sections = {
        "setup": SETUP,
        "config": called("cfg", "HookedTransformerConfig", _config(config, change.temperature)),
        "weights": WEIGHTS.format(file=FILE),
        "run": "\n".join(lines) + "\n" + OWN * own + (OFF.format(heads=heads) if heads else "") + RUN,
        "check": screen(scene, run, ("pattern", "z")) + CHECK,
    }
    file, arrays = io.BytesIO(), dict[str, Any](weights)
    np.savez_compressed(file, **arrays)
    return Program(sections, file.getvalue())


def _config(config: Config, temperature: float) -> dict[str, Any]:
    """The arguments of HookedTransformerConfig."""
    given: dict[str, Any] = {
        **{name: getattr(config, name) for name in ("n_layers", "d_model", "n_ctx", "n_heads")},
        "d_head": config.head_width,
        "d_vocab": config.vocab_size,
        "attn_only": not config.d_mlp,
        "normalization_type": KINDS[config.norm],
        "eps": config.norm_eps,
        "attention_dir": "causal" if config.causal else "bidirectional",
        "use_attn_scale": True,
        "attn_scale": temperature * (sqrt(config.head_width) if config.scale else 1.0),  # it divides the scores
        "positional_embedding_type": "rotary" if config.positions == "rotary" else "standard",
        "init_weights": False,
        "device": "cpu",
    }
    if config.d_mlp:
        given |= {"d_mlp": config.d_mlp, "act_fn": ACTIVATIONS[config.activation], "gated_mlp": config.gated}
    if config.norm == "rms":
        given["final_rms"] = True
    if config.positions == "rotary":
        given |= {"rotary_dim": config.rotary_width, "rotary_base": config.rotary_base}
    return given


def _weights(run: Run, config: Config, off: frozenset[str]) -> dict[str, np.ndarray]:
    """name -> array: what was learned or drawn, and what HookedTransformer has no choice for: positions, as a table;
    the identity in place of a matrix that is out; and logits, where there are none, as zeros.
    """
    d, n = config.d_model, config.n_layers
    known = {name: np.asarray(array, np.float32) for name, array in run.params.items()}
    weights = {name: known[name] for name in param_shapes(config) if name in known}  # what is out has none
    widths = {"W_V": config.kv_heads * config.head_width, "W_O": config.n_heads * config.head_width}
    for matrix in off & {*widths}:
        rows, columns = (d, widths[matrix]) if matrix == "W_V" else (widths[matrix], d)
        for i in range(n):
            weights[f"blocks.{i}.attn.{matrix}"] = np.eye(rows, columns, dtype=np.float32)
            weights.pop(f"blocks.{i}.attn.b_{matrix[-1]}", None)
    if config.positions == "sinusoidal":
        weights["pos_embed.W_pos"] = sinusoidal(config.n_ctx, d, halves=config.sine_halves)
    elif config.positions == "none":
        weights["pos_embed.W_pos"] = np.zeros((config.n_ctx, d), np.float32)
    if "unembed.W_U" not in weights:
        tied = weights["embed.W_E"].T
        weights["unembed.W_U"] = np.ascontiguousarray(tied) if config.tied_unembed else np.zeros(tied.shape, np.float32)
    return weights
