"""Activations: the stable names of every intermediate array, and what each holds.

They are TransformerLens's activation names with `hook_` dropped; a layer's number stands for the `{i}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from .arguments import several, text_of, wrong
from .config import ENCODER, Config


@dataclass(frozen=True)
class Name:
    """What one name of a trace holds: its axes, the symbol in the papers, where it is defined, and who makes it."""

    axes: tuple[str, ...]
    symbol: str
    source: str
    made_by: str  # the function that puts it into the trace, by its full name


RESIDUAL = ("pos", "d_model")
HEADS = ("head", "pos", "d_head")
KEYS = ("kv_head", "pos", "d_head")
SCORES = ("head", "query", "key")
PER_TOKEN = ("pos", "1")
HIDDEN = ("pos", "d_mlp")

EMBED, BLOCK, ATTENTION, REST, FEED_FORWARD, MLP, NORM, UNEMBED = (
    f"{__package__}.model.{name}"
    for name in ("embed", "block", "attention", "after_attention", "feed_forward", "mlp", "norm", "unembed")
)


def _norm(prefix: str, what: str) -> dict[str, Name]:
    return {
        f"{prefix}.scale": Name(PER_TOKEN, r"\sqrt{\sigma^2+\epsilon}", "Ba et al. 2016, eq. 4", NORM),
        f"{prefix}.normalized": Name(RESIDUAL, r"\hat x", "Ba et al. 2016, eq. 4", NORM),
        f"{prefix}.out": Name(RESIDUAL, rf"\mathrm{{norm}}({what})", "Ba et al. 2016, eq. 4", NORM),
    }


def _attention(prefix: str, y: str, rotary: Mapping[str, Name]) -> dict[str, Name]:
    """What a multi-head attention leaves; y: where its keys and values come from."""
    heads, eq_1 = "Vaswani et al. 2017, section 3.2.2", "Vaswani et al. 2017, eq. 1"
    return {
        f"{prefix}.q": Name(HEADS, "Q", heads, ATTENTION),
        f"{prefix}.k": Name(KEYS, f"K{y}", heads, ATTENTION),
        f"{prefix}.v": Name(KEYS, f"V{y}", heads, ATTENTION),
        **{f"{prefix}.{name}": about for name, about in rotary.items()},
        f"{prefix}.scores": Name(SCORES, f"QK{y}^T", eq_1, ATTENTION),
        f"{prefix}.scores_scaled": Name(SCORES, rf"QK{y}^T/\sqrt{{d_k}}", eq_1, ATTENTION),
        f"{prefix}.scores_masked": Name(
            SCORES, rf"QK{y}^T/\sqrt{{d_k}}+M", "Vaswani et al. 2017, section 3.2.3", ATTENTION
        ),
        f"{prefix}.pattern": Name(SCORES, "A", eq_1, ATTENTION),
        f"{prefix}.z": Name(HEADS, f"AV{y}", eq_1, ATTENTION),
    }


_ROTARY = {
    "rot_q": Name(HEADS, r"R_p Q", "Su et al. 2021, eq. 14", ATTENTION),
    "rot_k": Name(KEYS, r"R_p K", "Su et al. 2021, eq. 14", ATTENTION),
}
_STACK: dict[str, Name] = {
    "embed": Name(RESIDUAL, "x W_E", "Vaswani et al. 2017, section 3.4", EMBED),
    "pos_embed": Name(RESIDUAL, "PE", "Vaswani et al. 2017, section 3.5", EMBED),
    **_norm("ln_embed", "x"),
    "blocks.{i}.resid_pre": Name(RESIDUAL, "X", "Vaswani et al. 2017, section 3.1", BLOCK),
    **_norm("blocks.{i}.ln1", "X"),
    **_attention("blocks.{i}.attn", "", _ROTARY),
    "blocks.{i}.attn_out": Name(RESIDUAL, r"\mathrm{Concat}(AV)\,W_O", "Vaswani et al. 2017, section 3.2.2", REST),
    "blocks.{i}.resid_mid": Name(RESIDUAL, "X'", "Vaswani et al. 2017, section 3.1", REST),
    **_norm("blocks.{i}.ln2", "X'"),
    "blocks.{i}.mlp.pre": Name(HIDDEN, r"xW_1+b_1", "Vaswani et al. 2017, eq. 2; gated: Shazeer 2020", MLP),
    "blocks.{i}.mlp.up": Name(HIDDEN, r"xV", "Shazeer 2020, eq. 5", MLP),
    "blocks.{i}.mlp.act": Name(HIDDEN, r"f(xW)", "Shazeer 2020, eq. 5", MLP),
    "blocks.{i}.mlp.post": Name(HIDDEN, r"f(xW_1+b_1)", "Vaswani et al. 2017, eq. 2", MLP),
    "blocks.{i}.mlp_out": Name(RESIDUAL, r"\mathrm{FFN}(x)", "Vaswani et al. 2017, eq. 2", FEED_FORWARD),
    "blocks.{i}.resid_post": Name(RESIDUAL, "X''", "Vaswani et al. 2017, section 3.1", REST),
    **_norm("ln_final", "X"),
}
_CROSS: dict[str, Name] = {
    **_norm("blocks.{i}.ln_cross", "X'"),
    **_attention("blocks.{i}.cross", r"_\mathrm{enc}", {}),
    "blocks.{i}.cross_out": Name(RESIDUAL, r"\mathrm{Concat}(AV)\,W_O", "Vaswani et al. 2017, section 3.2.3", REST),
    "blocks.{i}.resid_mid_cross": Name(RESIDUAL, "X'_c", "Vaswani et al. 2017, section 3.1", REST),
}
NAMES: dict[str, Name] = {
    **_STACK,
    **_CROSS,
    "logits": Name(("pos", "vocab"), r"x W_U", "Vaswani et al. 2017, section 3.4", UNEMBED),
    **{ENCODER + name: replace(about) for name, about in _STACK.items()},
}


@lru_cache(maxsize=4096)
def axes_of(name: str) -> tuple[str, ...]:
    """The axes of an array of a trace, by its name."""
    return NAMES[re.sub(r"\bblocks\.\d+\.", "blocks.{i}.", name)].axes


def mlp_stream(config: Config) -> str:
    """The name, in a block, of the stream that its MLP is added to."""
    return "resid_mid_cross" if config.cross else "resid_mid"


def before_mlp(config: Config) -> str:
    """The name, in a block, of the stream that its MLP reads, or that the norm before it reads."""
    return "resid_pre" if config.parallel else mlp_stream(config)


def last_stream(config: Config, prefix: str = "") -> str:
    """The name of what the blocks leave, for an unembedding or a decoder to read."""
    return prefix + ("ln_final.out" if config.final_norm else f"blocks.{config.n_layers - 1}.resid_post")


def checked_names(names: Iterable[str] | None, config: Config) -> tuple[str, ...] | None:
    """What to keep of a trace. Raises: ConfigError for names, or patterns, that no trace of so many layers has."""
    if names is None:
        return None
    return _checked_names(listed(names), config.n_layers, config.n_encoder_layers)


def listed(names: Iterable[str]) -> tuple[str, ...]:
    """Names, or patterns, as they were given. Raises: ConfigError for what is no list of texts."""
    return tuple(text_of("names", name) for name in several("names", names, "names of a trace"))


@lru_cache(maxsize=256)
def _checked_names(names: tuple[str, ...], n_layers: int, n_encoder_layers: int) -> tuple[str, ...]:
    there = {
        name.format(i=i): None
        for name in NAMES
        for i in range(n_encoder_layers if name.startswith(ENCODER) else n_layers)
    }
    for name in names:
        if name not in there and not (is_pattern(name) and any(fnmatchcase(one, name) for one in there)):
            near = ", ".join(get_close_matches(name, there, 3, 0.5)) or "see core.NAMES"
            raise wrong("names", name, f"in a trace of {_layers(n_layers, n_encoder_layers)}; near it: {near}")
    return names


def _layers(n_layers: int, n_encoder_layers: int) -> str:
    return f"{n_layers} layers" + (f" and an encoder's {n_encoder_layers}" if n_encoder_layers else "")


def is_pattern(name: str) -> bool:
    """Whether this stands for several names."""
    return any(sign in name for sign in "*?[")
