"""Config: one frozen description of every variant of the Transformer that `forward` can compute.

Variants are data. A new one is a new field here and one branch in an op, never a class and never a model's name.
One Config describes both stacks of an encoder-decoder: the decoder, and what is other in its encoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, get_type_hints

from . import limits
from .errors import ConfigError
from .kinds import shown

ENCODER = "encoder."  # how the names of the encoder's parameters and activations begin
CHOICES: dict[str, tuple[str, ...]] = {
    "positions": ("none", "sinusoidal", "learned", "rotary"),
    "norm": ("none", "layer", "rms"),
    "norm_at": ("pre", "post"),
    "activation": ("relu", "gelu", "gelu_tanh", "silu"),
    "init": ("unit", "scaled"),
}


SCALINGS = ("linear", "dynamic", "yarn", "llama3")


@dataclass(frozen=True)
class RotaryScaling:
    """How rotary positions reach past the `trained` tokens that a model was first trained on.

    linear: every angle is divided by `factor` (Chen et al. 2023, "Position Interpolation"). dynamic: the base grows
    with the text, once that is longer ("NTK-aware" scaling; Peng et al. 2023, section 3.3). yarn (Peng et al. 2023,
    section 3.2) and llama3 (Dubey et al. 2024; transformers' modeling_rope_utils.py): pairs that make fewer than `slow`
    turns in the trained length are divided, those that make more than `fast` stay, and between it is a bit of both.

    magnitude: of yarn, by which queries and keys are multiplied as well. whole: of yarn, between whole pairs.
    """

    kind: str
    factor: float
    trained: int
    slow: float = 1.0
    fast: float = 32.0
    magnitude: float = 1.0
    whole: bool = True

    def __post_init__(self) -> None:
        at = "rotary_scaling"
        if self.kind not in SCALINGS:
            raise ConfigError(f"{at}: kind: {shown(self.kind)} is not one of {', '.join(SCALINGS)}", at)
        for name in ("factor", "slow", "fast", "magnitude"):
            value = getattr(self, name)
            if not (isinstance(value, float) or _is_size(value)) or not 0 < value < math.inf:
                raise ConfigError(f"{at}: {name}: {shown(value)} is not a finite number above 0", at)
        if not _is_size(self.trained) or self.trained < 1:
            raise ConfigError(f"{at}: trained: {shown(self.trained)} is not a whole number of 1 or more", at)
        if self.kind in ("yarn", "llama3") and self.slow >= self.fast:
            raise ConfigError(f"{at}: slow: {self.slow} is not below fast, {self.fast}", at)
        if not isinstance(self.whole, bool):
            raise ConfigError(f"{at}: whole: {shown(self.whole)} is neither True nor False", at)


@dataclass(frozen=True)
class Config:
    """Sizes, and one field a choice. Sources: Vaswani et al. 2017 unless a field names another."""

    vocab_size: int = 1000
    n_ctx: int = limits.TOKENS  # the longest sequence, in tokens
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 4
    n_kv_heads: int | None = None  # grouped-query attention (Ainslie et al. 2023); None: as many as n_heads
    d_head: int | None = None  # None: d_model / n_heads
    d_mlp: int = 0  # 0: no MLP

    causal: bool = False
    scale: bool = True  # divide the scores by sqrt(d_head) (section 3.2.1)
    positions: str = "none"
    sine_halves: bool = False  # the sines side by side, then the cosines (Marian), where section 3.5 alternates them
    rotary_base: float = 10000.0  # RoPE (Su et al. 2021), section 3.2.2
    rotary_dim: int | None = None  # how many of a head's dimensions turn (GPT-NeoX); None: all
    rotary_scaling: RotaryScaling | None = None  # None: angles as they are

    norm: str = "none"  # layer: Ba et al. 2016; rms: Zhang & Sennrich 2019
    norm_at: str = "pre"  # pre: x + f(norm(x)); post: norm(x + f(x)) (section 3.1)
    norm_eps: float = 1e-5
    embed_scale: bool = False  # embeddings times sqrt(d_model) (section 3.4)
    padding_id: int | None = None  # where this token is looked up its embedding learns nothing, as transformers has it
    embed_norm: bool = False  # a norm right after the embeddings (BERT)
    final_norm: bool = False  # a norm before the unembedding (GPT-2)

    residual: bool = True
    parallel: bool = False  # attention and MLP read the same input (GPT-NeoX)
    projections: bool = True  # False: Q = K = V = X, and no W_O
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    activation: str = "relu"
    gated: bool = False  # act(x W_gate) * (x W_in) (Shazeer 2020)

    unembed: bool = False  # True: the model has logits
    tied_unembed: bool = False  # W_U is W_E transposed
    unembed_bias: bool = False

    # A second stack, that reads a source: what is not said of it is as in the first one. It is never causal.
    n_encoder_layers: int = 0  # 0: no encoder
    n_encoder_heads: int | None = None  # None: n_heads
    encoder_d_mlp: int | None = None  # None: d_mlp
    encoder_vocab_size: int | None = None  # None: both stacks share one vocabulary and one table of embeddings
    cross: bool = False  # each block looks at the encoder's output, between its attention and its MLP (section 3.2.3)

    init: str = "scaled"  # unit: every matrix N(0, 1); scaled: variance 1 / fan-in

    @property
    def kv_heads(self) -> int:
        """How many key and value heads there are."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    def kv_head_of(self, head: int) -> int:
        """Which key and value head a query head reads (Ainslie et al. 2023): neighbours share one."""
        return head * self.kv_heads // self.n_heads

    @property
    def head_width(self) -> int:
        """d_k: how many dimensions a head has."""
        return self.d_model // self.n_heads if self.d_head is None else self.d_head

    @property
    def rotary_width(self) -> int:
        """How many of a head's dimensions the rotary positions turn."""
        return self.head_width if self.rotary_dim is None else self.rotary_dim

    @property
    def encoder(self) -> Config:
        """The encoder as a Config of its own. Raises: ConfigError where there is none."""
        return _encoder(self)

    def replace(self, **changes: Any) -> Config:
        """A copy with some fields changed.

        Raises: ConfigError for a field that does not exist, and all that __post_init__ raises.
        """
        for name in changes:
            if name not in TYPES:
                raise ConfigError(f"{name}: Config has no such field; it has {', '.join(TYPES)}", name)
        return replace(self, **changes)

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name))
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name}: {shown(getattr(self, name))} is not one of {', '.join(choices)}", name)
        for name in ("vocab_size", "n_ctx", "d_model", "n_layers", "n_heads"):
            _check_at_least(name, getattr(self, name), 1)
        _check_at_least("d_mlp", self.d_mlp, 0)
        _check_at_least("n_encoder_layers", self.n_encoder_layers, 0)
        for name in ("n_kv_heads", "d_head", "n_encoder_heads", "encoder_vocab_size"):
            if getattr(self, name) is not None:
                _check_at_least(name, getattr(self, name), 1)
        for name in ("encoder_d_mlp", "padding_id"):
            if getattr(self, name) is not None:
                _check_at_least(name, getattr(self, name), 0)
        for name in ("norm_eps", "rotary_base"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise ConfigError(f"{name}: {shown(getattr(self, name))} is not a finite number above 0", name)
        self._check_heads()
        self._check_combinations()

    def _check_heads(self) -> None:
        if self.d_head is None and self.d_model % self.n_heads:
            raise ConfigError(
                f"d_model: {self.d_model} does not divide into n_heads: {self.n_heads}; "
                f"d_model {self.d_model // self.n_heads * self.n_heads or self.n_heads} would",
                "d_model",
                "n_heads",
            )
        if self.n_heads % self.kv_heads:
            raise ConfigError(
                f"n_kv_heads: {self.kv_heads} does not divide n_heads: {self.n_heads}", "n_kv_heads", "n_heads"
            )
        if not self.projections and (self.kv_heads, self.n_heads * self.head_width) != (self.n_heads, self.d_model):
            raise ConfigError(
                "projections: without them Q = K = V = X, so n_kv_heads must equal n_heads "
                "and n_heads * d_head must equal d_model",
                "projections",
                "n_kv_heads",
                "d_head",
            )
        if self.positions == "rotary" and (self.rotary_width % 2 or not 2 <= self.rotary_width <= self.head_width):
            raise ConfigError(
                f"positions: rotary turns pairs of dimensions, so it needs an even width of 2..d_head; "
                f"here d_head is {self.head_width} and rotary_dim is {self.rotary_dim}",
                "positions",
                "rotary_dim",
                "d_model",
                "n_heads",
            )
        kind = self.rotary_scaling.kind if self.rotary_scaling else ""
        if (kind == "dynamic" and self.rotary_width == 2) or (kind == "yarn" and self.rotary_base <= 1):
            raise ConfigError(
                f"rotary_scaling: {kind} needs more than one pair, and a rotary_base above 1; here are "
                f"{self.rotary_width // 2} and {self.rotary_base}",
                "rotary_scaling",
            )

    def _check_combinations(self) -> None:
        if self.norm == "none" and (self.embed_norm or self.final_norm):
            raise ConfigError("norm: 'none' goes with neither embed_norm nor final_norm", "norm")
        if self.parallel and self.norm != "none" and self.norm_at == "post":
            raise ConfigError("parallel: is defined for norm_at 'pre' only", "parallel", "norm_at")
        if self.gated and not self.d_mlp:
            raise ConfigError("gated: there is no MLP to gate while d_mlp is 0", "gated", "d_mlp")
        if not self.unembed and (self.tied_unembed or self.unembed_bias):
            raise ConfigError("unembed: is False, so tied_unembed and unembed_bias must be False too", "unembed")
        self._check_encoder()
        if (count := self.n_parameters()) > limits.PARAMETERS:
            raise ConfigError(f"the sizes: {count:,} parameters exceed {limits.PARAMETERS:,}", "d_model", "vocab_size")

    def _check_encoder(self) -> None:
        if self.sine_halves and self.positions != "sinusoidal":
            raise ConfigError("sine_halves: goes with positions 'sinusoidal' only", "sine_halves", "positions")
        if self.n_encoder_layers:
            if self.cross and self.parallel:
                raise ConfigError("parallel: is not defined for blocks with cross-attention", "parallel", "cross")
            try:
                _ = self.encoder
            except ConfigError as error:
                raise ConfigError(f"the encoder: {error}", *_OF_ENCODER) from None
            return
        for name in (*_OF_ENCODER[1:], "cross"):
            if getattr(self, name) not in (None, False):
                raise ConfigError(f"{name}: there is no encoder while n_encoder_layers is 0", name, "n_encoder_layers")

    def n_parameters(self) -> int:
        """How many numbers `init_params` draws."""
        return _n_parameters(self)


TYPES: dict[str, Any] = get_type_hints(Config)
_OF_ENCODER = ("n_encoder_layers", "n_encoder_heads", "encoder_d_mlp", "encoder_vocab_size")


@lru_cache(maxsize=256)  # each picture of a page asks whether its model is large
def _n_parameters(config: Config) -> int:
    return sum(math.prod(shape) for shape in param_shapes(config).values())


@lru_cache(maxsize=256)
def _encoder(config: Config) -> Config:
    c = config
    if not c.n_encoder_layers:
        raise ConfigError("n_encoder_layers: is 0, so there is no encoder", "n_encoder_layers")
    own_heads = c.n_encoder_heads is not None
    return c.replace(
        n_layers=c.n_encoder_layers,
        n_heads=c.n_encoder_heads if own_heads else c.n_heads,
        n_kv_heads=None if own_heads else c.n_kv_heads,
        d_mlp=c.d_mlp if c.encoder_d_mlp is None else c.encoder_d_mlp,
        vocab_size=c.vocab_size if c.encoder_vocab_size is None else c.encoder_vocab_size,
        gated=c.gated and c.encoder_d_mlp != 0,
        causal=False,
        cross=False,
        unembed=False,
        tied_unembed=False,
        unembed_bias=False,
        **dict.fromkeys(_OF_ENCODER[1:]),
        n_encoder_layers=0,
    )


def _check_type(name: str, value: Any) -> None:
    kind = TYPES[name]
    if kind is float:
        right = isinstance(value, float) or _is_size(value)
    elif kind is int:
        right = _is_size(value)
    elif kind in (bool, str):
        right = isinstance(value, kind)
    elif name == "rotary_scaling":
        right = value is None or isinstance(value, RotaryScaling)
    else:  # int | None
        right = value is None or _is_size(value)
    if not right:
        raise ConfigError(f"{name}: {shown(value)} is not of type {getattr(kind, '__name__', kind)}", name)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= limits.PARAMETERS


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name}: {value} is below {least}", name)


def param_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Every parameter's name and shape, in the order of the computation; matrices are (in, out)."""
    if not isinstance(config, Config):
        raise ConfigError(f"config: {shown(config)} is not a Config", "config")
    c, d = config, config.d_model
    q_width, kv_width = c.n_heads * c.head_width, c.kv_heads * c.head_width
    norm = {} if c.norm == "none" else {"w": (d,)} if c.norm == "rms" else {"w": (d,), "b": (d,)}

    block: dict[str, tuple[int, ...]] = {}
    for at, before in (("attn", "ln1"), ("cross", "ln_cross"))[: 1 + c.cross]:
        block |= {f"{before}.{name}": shape for name, shape in norm.items()}
        if not c.projections:
            continue
        for name, width in (("Q", q_width), ("K", kv_width), ("V", kv_width)):
            block[f"{at}.W_{name}"] = (d, width)
            if c.qkv_bias:
                block[f"{at}.b_{name}"] = (width,)
        block[f"{at}.W_O"] = (q_width, d)
        if c.out_bias:
            block[f"{at}.b_O"] = (d,)
    if c.d_mlp:
        block |= {f"ln2.{name}": shape for name, shape in norm.items()}
        block["mlp.W_in"] = (d, c.d_mlp)
        if c.mlp_bias:
            block["mlp.b_in"] = (c.d_mlp,)
        if c.gated:
            block["mlp.W_gate"] = (d, c.d_mlp)
        block["mlp.W_out"] = (c.d_mlp, d)
        if c.mlp_bias:
            block["mlp.b_out"] = (d,)

    shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (c.vocab_size, d)}
    if c.positions == "learned":
        shapes["pos_embed.W_pos"] = (c.n_ctx, d)
    if c.embed_norm:
        shapes |= {f"ln_embed.{name}": shape for name, shape in norm.items()}
    for i in range(c.n_layers):
        shapes |= {f"blocks.{i}.{name}": shape for name, shape in block.items()}
    if c.final_norm:
        shapes |= {f"ln_final.{name}": shape for name, shape in norm.items()}
    if c.unembed and not c.tied_unembed:
        shapes["unembed.W_U"] = (d, c.vocab_size)
    if c.unembed_bias:
        shapes["unembed.b_U"] = (c.vocab_size,)
    if c.n_encoder_layers:
        own = {f"{ENCODER}{name}": shape for name, shape in param_shapes(c.encoder).items()}
        if c.encoder_vocab_size is None:
            del own[f"{ENCODER}embed.W_E"]
        shapes = own | shapes
    return shapes
