"""The shapes that docstrings of core.ops, core.model and core.backward say, tried out on random arrays.

The notation is `x [..., d_in], W [d_in, d_out] -> y [..., d_out]`: every array that a function takes, by the name of
its parameter, and what it gives. `...` is any batch; a size is a name, a number, or names multiplied and divided.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import core
import core.ops
from core import Config, Trace
from core.gradient_flow import GradientFlow
from tests.support import random_params

MODULES = [f"core.ops.{module.name}" for module in pkgutil.iter_modules(core.ops.__path__)]
MODULES += ["core.model", "core.backward"]
BATCHES = ((), (2,), (2, 3))
ITEM = r"\w+(?: \[[^\]]*\])?|\[[^\]]*\]"

# Sizes and plain arguments of the ops, by the names that they have there.
SIZES = {"d_in": 5, "d_out": 7, "d": 6, "a": 3, "b": 4, "m": 3, "k": 4, "pos": 5, "query": 3, "key": 5, "vocab": 11}
SIZES |= {"head": 4, "kv_head": 2, "d_head": 6, "d_model": 8, "n": 6}
GIVEN: dict[str, Any] = {"n_heads": 4, "n_groups": 2, "width": 4, "n": 6, "d_model": 8, "vocab_size": 11, "eps": 1e-5}
GIVEN |= {"base": 1e4, "scaling": None, "n_query": 3, "n_key": 5, "value": 0.5, "dtype": np.float64}
GIVEN |= {"coefficients": ((1.0, 2.0), (3.0, 4.0))}

BIASES = {"qkv_bias": True, "out_bias": True, "mlp_bias": True}
CONFIGS: dict[str, dict[str, Any]] = {
    "gpt": BIASES | {"causal": True, "positions": "learned", "norm": "layer", "final_norm": True, "unembed": True},
    "llama": {
        "positions": "rotary",
        "norm": "rms",
        "gated": True,
        "n_kv_heads": 2,
        "final_norm": True,
        "unembed": True,
    },
    "bert": BIASES | {"positions": "learned", "norm": "layer", "norm_at": "post", "embed_norm": True},
    "translator": BIASES
    | {"causal": True, "positions": "sinusoidal", "embed_scale": True, "norm": "layer", "norm_at": "post"}
    | {"n_encoder_layers": 2, "cross": True, "unembed": True, "tied_unembed": True},
    "parallel": {"norm": "layer", "parallel": True, "unembed": True, "tied_unembed": True},
}


def functions(module: str) -> list[Callable]:
    """What a module defines itself, helpers too; cached ones unwrapped."""
    found = map(inspect.unwrap, filter(callable, vars(importlib.import_module(module)).values()))
    return [f for f in found if inspect.isfunction(f) and f.__module__ == module]


def arrays(function: Callable) -> set[str]:
    """The parameters that are arrays."""
    told = inspect.get_annotations(function).items()
    return {name for name, kind in told if name != "return" and re.search(r"\b(ndarray|Array)\b(?!\])", kind)}


def has_arrays(function: Callable) -> bool:
    return any(re.search(r"\b(ndarray|Array)\b", str(kind)) for kind in inspect.get_annotations(function).values())


def said(function: Callable) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Parameter -> its shape, and the name and shape of what comes out; "" where either is not said."""
    text = re.sub(r"\s+", " ", (function.__doc__ or "").replace("`", ""))
    before, arrow, after = text.partition("-> ")
    assert arrow, f"{function.__qualname__}: says no shapes"
    given = dict(re.findall(r"(\w+) \[([^\]]*)\]", before))
    found = re.match(rf"(?:{ITEM})(?:, (?:{ITEM}))*", after)
    assert found, f"{function.__qualname__}: says nothing after ->"
    parts = re.findall(ITEM, found[0])
    return given, [(re.match(r"\w*", part)[0], (re.findall(r"\[(.*)\]", part) or [""])[0]) for part in parts]


def shape(text: str, sizes: Mapping[str, int], batch: tuple[int, ...]) -> tuple[int, ...]:
    """`..., n_heads / n_groups * a, b` -> numbers."""
    if text == "...":  # whatever it is, there is an axis
        return batch or (4,)
    dims: list[int] = []
    for part in text.split(", "):
        if part == "...":
            dims += batch
            continue
        first, *rest = re.split(r" ([*/]) ", part)
        total = int(first) if first.isdigit() else sizes[first]
        for sign, name in zip(rest[::2], rest[1::2], strict=True):
            size = int(name) if name.isdigit() else sizes[name]
            assert sign == "*" or total % size == 0, part
            total = total * size if sign == "*" else total // size
        dims.append(total)
    return tuple(dims)


def drawn(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, len(name)])
    if name in ("ids", "targets"):
        return rng.integers(0, 11, shape)
    return rng.random(shape) < 0.7 if name == "mask" else rng.normal(size=shape) ** 2 + 0.1


def check(function: Callable, arguments: dict[str, Any], sizes: Mapping[str, int], batch: tuple[int, ...]) -> None:
    """Call it with random arrays of the shapes that it says, beside the other `arguments`; compare what comes."""
    given, gives = said(function)
    parameters = inspect.signature(function).parameters
    assert set(given) <= set(parameters), f"{function.__qualname__} is given no {set(given) - set(parameters)}"
    assert arrays(function) <= set(given), f"{function.__qualname__}: no shape of {arrays(function) - set(given)}"
    ours = {name: drawn(name, shape(text, sizes, batch), i) for i, (name, text) in enumerate(given.items())}
    result = function(**{name: value for name, value in (arguments | ours).items() if name in parameters})
    results = result if isinstance(result, tuple) else (result,)
    for value, (name, text) in zip(results, gives, strict=True):
        if text:
            assert value.shape == shape(text, sizes, batch), f"{function.__qualname__}: {name} {text}"
        else:
            assert np.ndim(value) == 0, function.__qualname__


def config_of(name: str) -> Config:
    sizes = {"vocab_size": 11, "n_ctx": 8, "d_model": 8, "n_layers": 2, "n_heads": 4, "d_head": 6, "d_mlp": 12}
    return Config(**sizes, **CONFIGS[name])


def sizes_of(config: Config) -> dict[str, int]:
    c = config
    sizes = {"pos": 5, "query": 5, "key": 5, "head": c.n_heads, "kv_head": c.kv_heads, "d_head": c.head_width}
    return sizes | {"vocab": c.vocab_size, "d_model": c.d_model, "d_mlp": c.d_mlp, "d_in": c.d_model, "d_out": c.d_mlp}


def told(module: str) -> list[Callable]:
    return [function for function in functions(module) if has_arrays(function)]


OPS = [function for module in MODULES[:-2] for function in told(module)]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("function", OPS, ids=lambda f: f"{f.__module__.rpartition('.')[2]}.{f.__name__}")
def test_ops(function, batch):
    shapes = {
        "side_by_side": (*batch, 4, 5, 6),
        "_starts": batch or (4,),
    }  # what an argument that is a shape itself says
    arguments = GIVEN | {"shape": shapes.get(function.__name__)}
    check(function, arguments, SIZES | {k: v for k, v in GIVEN.items() if type(v) is int}, batch)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("name", CONFIGS)
def test_model_and_backward(name, batch):
    config = config_of(name)
    params, ids, sizes = random_params(config, 0), drawn("ids", (*batch, 5)), sizes_of(config)
    source = {"source": ids} if config.n_encoder_layers else {}
    trace = core.forward(params, config, ids, **source)
    last = "logits" if config.unembed else "blocks.1.resid_post"
    for function in (*told("core.model"), *told("core.backward")):
        kind = function.__name__
        if kind.startswith("unembed") and not config.unembed:
            continue
        backward = function.__module__ == "core.backward"
        arguments = {
            "params": params,
            "config": config,
            "i": 1,
            "at": "blocks.1.ln1" if kind.startswith("norm") else "blocks.1.mlp.",
            "trace": trace if backward else Trace(),
            "flow": GradientFlow(trace, {last: np.ones_like(trace[last])}, keep=True),
            "change": core.Interventions(),
            "W": "blocks.1.mlp.W_in",
            "b": "blocks.1.mlp.b_in",
        }
        if kind not in ("forward", "backward"):
            check(function, arguments, sizes, batch)


@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("name", CONFIGS)
def test_forward_and_backward(name, batch):
    """Ids, or embeddings in their place; every array of the trace has the axes of NAMES, every gradient its own."""
    config = config_of(name)
    params = random_params(config, 0)
    given, ((kind, _),) = said(inspect.unwrap(core.forward))
    for argument, text in given.items():
        of_target = drawn(argument, shape(text, sizes_of(config), batch))
        source = {"source": drawn("ids", (*batch, 5))} if config.n_encoder_layers else {}
        trace = core.forward(params, config, **{argument: of_target}, **source)
        assert type(trace).__name__ == kind
        for place, array in trace.items():
            whole = re.sub(r"blocks\.\d+", "blocks.{i}", place)
            axes = ", ".join(core.NAMES[whole].axes)
            assert array.shape == shape(
                axes if whole.endswith("pos_embed") else f"..., {axes}", sizes_of(config), batch
            )
        if config.unembed:
            (text,) = said(core.backward)[0].values()
            dlogits = drawn("dlogits", shape(text, sizes_of(config), batch))
            grads = core.backward(params, config, trace, dlogits)
            assert {n: grad.shape for n, grad in grads.items()} == {n: p.shape for n, p in params.items()}


def test_every_activation_is_tried():
    named = {function.__name__ for function in OPS}
    assert {*core.ops.activations.ACTIVATIONS} <= named
    assert {f"{name}_backward" for name in core.ops.activations.ACTIVATIONS} <= named
