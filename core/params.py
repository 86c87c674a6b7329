"""Parameters: one flat dict, name -> array, so that they can be listed, edited, optimized and written to a file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from math import sqrt
from typing import Any, Protocol
from zlib import crc32

import numpy as np

from .arguments import instance, mapping, precision, whole
from .config import ENCODER, Config, param_shapes
from .errors import ConfigError
from .kinds import shown


class Array(Protocol):
    """What a parameter is to whoever computes with it: an ndarray, or a matrix kept in 16 bits (core/weights)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def T(self) -> Array: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any, /) -> np.ndarray: ...
    def __array__(self) -> np.ndarray: ...


Params = Mapping[str, Array]


def init_params(config: Config, seed: int = 0, dtype: type = np.float32) -> dict[str, np.ndarray]:
    """Draw every parameter: norms start at one, biases at zero, matrices from a normal distribution.

    config.init "unit": N(0, 1) for every matrix. "scaled": variance 1 / fan-in, so that a product keeps the size of
    its input; embeddings N(0, 1); and an unembedding so small that untrained logits are nearly equal.

    Each parameter has its own generator, seeded by `seed` and its name: a layer added, or a norm switched on, leaves
    all other weights as they were.
    Raises: ConfigError for a seed below 0, or a dtype that is neither float32 nor float64.
    """
    instance("config", config, Config)
    whole("seed", seed)
    precision("dtype", dtype)
    return {name: init_param(name, shape, config, seed, dtype) for name, shape in param_shapes(config).items()}


def init_param(
    name: str, shape: tuple[int, ...], config: Config, seed: int = 0, dtype: type = np.float32
) -> np.ndarray:
    """One of them."""
    kind = name.rpartition(".")[2]
    if kind.startswith("b"):
        return np.zeros(shape, dtype)
    if kind == "w":
        return np.ones(shape, dtype)
    # Only these two dtypes are drawn directly; the draw in float32 is twice as fast and is what the pages use.
    weights = np.random.default_rng([seed, crc32(name.encode())]).standard_normal(shape, dtype)
    if config.init == "scaled":
        if kind == "W_E" and config.embed_scale:
            weights *= 1 / sqrt(config.d_model)  # as its scale takes back (Vaswani et al. 2017, section 3.4)
        elif kind == "W_U" or (name == "embed.W_E" and config.tied_unembed):
            weights *= 0.02
        elif not kind.endswith(("_E", "_pos")):
            weights *= 1 / sqrt(shape[0])
    return weights


def draw_of(config: Config) -> tuple[Hashable, ...]:
    """What `init_params` reads of a Config: two of which this is alike are drawn alike by one seed."""
    return tuple(param_shapes(config).items()), config.init, config.tied_unembed, config.embed_scale


def check_params(params: Params, config: Config) -> None:
    """Raises: ConfigError naming the first parameter that is missing, unknown, or of a wrong shape."""
    check_needed(params, instance("config", config, Config))
    shapes = param_shapes(config)
    for name in params:
        if name not in shapes:
            raise ConfigError(f"params: the Config has no parameter {shown(name)}", str(name))


def check_needed(params: Params, config: Config) -> None:
    """Raises: ConfigError naming the first parameter that is missing, or of a wrong shape. Others may be there too."""
    mapping("params", params, "from names to arrays")
    for name, shape in _shapes(config):
        if name not in params:
            raise ConfigError(f"params: {name} of shape {shape} is missing", name)
        p = params[name]
        if (found := getattr(p, "shape", None)) != shape:
            found = shown(p) if found is None else f"shape {found}"
            raise ConfigError(f"params: {name} has {found}; the Config asks for {shape}", name)
        dtype: Any = getattr(p, "dtype", None)  # another library's array may have one that is not NumPy's
        if getattr(dtype, "kind", "?") not in "fiu":
            raise ConfigError(f"params: {name} has dtype {shown(dtype)}; it must be NumPy's, of numbers", name)


def encoder_params(params: Params) -> dict[str, Array]:
    """The encoder's own parameters, by the names that they have in a model that is an encoder; with the table of
    embeddings that it shares, where it has none of its own.
    """
    shared = {name: params[name] for name in ("embed.W_E",) if name in params}
    return shared | {name.removeprefix(ENCODER): p for name, p in params.items() if name.startswith(ENCODER)}


def unembedding(params: Params, config: Config) -> Array:
    """W_U [d_model, vocab]; tied, it is W_E transposed (Press & Wolf 2016)."""
    return params["embed.W_E"].T if config.tied_unembed else params["unembed.W_U"]


@lru_cache(maxsize=64)
def _shapes(config: Config) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(param_shapes(config).items())
