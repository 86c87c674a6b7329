"""What backward reads of a trace, and whether a trace has it."""

from __future__ import annotations

from functools import lru_cache

from .activations import axes_of, before_mlp, last_stream
from .config import ENCODER, Config
from .errors import ConfigError
from .model import norm_places
from .trace import Trace


@lru_cache(maxsize=32)
def needed(config: Config) -> tuple[str, ...]:
    """The names that backward reads. `forward(..., names=needed(config))` takes half the memory of a full trace."""
    pre, post = norm_places(config)
    inside = (".scale", ".normalized")
    block = ["attn.v", "attn.pattern", *(["attn.z"] if config.projections else [])]
    block += ["attn.rot_q", "attn.rot_k"] if config.positions == "rotary" else ["attn.q", "attn.k"]
    block += ["ln1" + name for name in inside] if pre or post else []
    block += ["ln1.out" if pre else "resid_pre"]
    if config.cross:
        block += ["cross.q", "cross.k", "cross.v", "cross.pattern", *(["cross.z"] if config.projections else [])]
        block += ["ln_cross" + name for name in inside] if pre or post else []
        block += ["ln_cross.out" if pre else "resid_mid"]
    if config.d_mlp:
        block += ["mlp.pre", "mlp.post", *(["mlp.act", "mlp.up"] if config.gated else [])]
        block += ["ln2" + name for name in inside] if pre or post else []
        block += ["ln2.out" if pre else before_mlp(config)]
    names = ["ln_embed" + name for name in inside] if config.embed_norm else []
    names += [f"blocks.{i}.{name}" for i in range(config.n_layers) for name in block]
    names += ["ln_final" + name for name in (*inside, ".out")] if config.final_norm else []
    names += [] if config.final_norm else [last_stream(config)]
    names += [ENCODER + name for name in needed(config.encoder)] if config.n_encoder_layers else []
    return (*names, "logits") if config.unembed else tuple(names)


def check_trace(trace: Trace, config: Config) -> None:
    """Raises: ConfigError for a trace that keeps too little, or that is of a model of other sizes."""
    if config.n_encoder_layers:
        if trace.source is None:
            raise ConfigError("trace: its source was read before it began; backward needs both", "trace")
        check_trace(trace.source, config.encoder)
        batches = (one.shape("blocks.0.attn.pattern")[:-3] for one in (trace, trace.source))
        if len({*batches}) > 1:
            raise ConfigError("source: one for a whole batch has no backward; give each text its own", "source")
    heads = (config.n_heads, config.kv_heads, config.d_mlp, config.vocab_size)
    sizes = dict(zip(("head", "kv_head", "d_mlp", "vocab"), heads, strict=True))
    sizes |= {"d_model": config.d_model, "d_head": config.head_width, "1": 1}
    for name in needed(config):
        if name.startswith(ENCODER):
            continue
        if name not in trace:
            raise ConfigError(f"trace: keeps no {name}, which backward reads; see names= of forward", "trace")
        axes, shape = axes_of(name), trace.shape(name)
        if any(n != sizes.get(axis, n) for axis, n in zip(axes[::-1], shape[::-1], strict=False)):
            raise ConfigError(f"trace: its {name} {shape} is of a model of other sizes", "trace")
