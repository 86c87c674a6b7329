"""What the residual stream says before its end, and which component says it: the logit lens and direct attribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import Config
from ..errors import ConfigError
from ..interventions import without
from ..model import norm, unembed
from ..ops.linear import identity, linear
from ..params import Params, unembedding
from ..trace import Trace
from .space import residual_stages

AT_ONCE = 1024  # tokens of a vocabulary: of so many the logits of some hundred streams stay in a processor's cache


def read_stream(x: np.ndarray, params: Params, config: Config, normed: bool = True) -> np.ndarray:
    """The logits [..., pos, vocab] that a residual stream x [..., pos, d_model] would give if it were the last.

    normed: through the final norm, where the model has one; False: past it.
    Raises: ConfigError for a Config without logits, or without a residual stream.
    """
    _check_stream(config)
    return read_last(x, params, config, normed)


def read_last(x: np.ndarray, params: Params, config: Config, normed: bool = True) -> np.ndarray:
    """The same of what is the last stream, which every model with logits has: x [..., d_model] -> logits [..., vocab].

    normed: as for `read_stream`.
    """
    unseen = Trace(names=())
    if normed and config.final_norm:
        x = norm(x, params, config, "ln_final", unseen)
    return unembed(x, params, config, unseen)


def read_likeliest(x: np.ndarray, params: Params, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Of what `read_stream` gives, normed, the likeliest token and its probability: x [..., d_model] -> [...] twice.

    Some tokens of the vocabulary after others, so that neither all logits are there at once, nor a matrix that is kept
    in few bits is widened more than once. The sum of exponentials that is over theirs goes along with the greatest
    logit so far (Milakov & Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3).
    Raises: as `read_stream`.
    """
    _check_stream(config)
    if config.final_norm:
        x = norm(x, params, config, "ln_final", Trace(names=()))
    W_U = unembedding(params, config)
    bias = params.get("unembed.b_U")
    most = np.full(x.shape[:-1], -np.inf)
    token, total = np.zeros(most.shape, np.int64), np.zeros(most.shape)
    for start in range(0, config.vocab_size, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        logits = linear(x, W_U[:, some], None if bias is None else bias[some])
        here = logits.max(axis=-1).astype(np.float64)
        token = np.where(here > most, start + logits.argmax(axis=-1), token)
        greatest = np.maximum(here, most)
        logits -= greatest[..., None].astype(logits.dtype)
        total = total * np.exp(most - greatest) + np.exp(logits, out=logits).sum(axis=-1, dtype=np.float64)
        most = greatest
    return token, 1 / total


def logit_lens(trace: Trace, params: Params, config: Config, normed: bool = True) -> np.ndarray:
    """[stage, ..., pos, vocab]: the logits of the embeddings, then of each block's output (nostalgebraist 2020).

    The last stage, normed, is the model's own answer. Arguments and errors as for `read_stream`.
    """
    config = without(config, trace.interventions.off)
    return read_stream(residual_stages(trace, config.n_layers), params, config, normed)


@dataclass(frozen=True)
class Attribution:
    """values [component, ..., pos]: what each component adds to a token's logit; their sum over components is it.

    A component is named as the trace or the parameters name it; head h of layer i is `blocks.i.attn.h`.
    """

    names: tuple[str, ...]
    values: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """[..., pos]: the logits themselves."""
        return self.values.sum(axis=0)


def direct_attribution(trace: Trace, params: Params, config: Config, token: int | np.ndarray) -> Attribution:
    """How much each component adds to the logit of `token`: one id, or ids [..., pos], one a position.

    The last residual stream is a sum: the embeddings, every head's z W_O, the biases b_O, every MLP's output. The
    unembedding reads it in a line once the final norm's scale is held at what it was (Elhage et al. 2021, "Zero-Layer
    Transformers" and "Three Kinds of Composition"; the frozen scale: Wang et al. 2022, section 3.1).
    Raises: ConfigError for a Config whose last stream is no such sum, and for a token outside the vocabulary.
    """
    config = without(config, trace.interventions.off)
    reader, parts = reading_direction(trace, params, config, token)
    parts = _written(trace, params, config, reader) | parts
    return Attribution(tuple(parts), np.stack(list(parts.values())))


def source_attribution(trace: Trace, params: Params, config: Config, token: int | np.ndarray) -> Attribution:
    """The same of every head alone, by the word from which it was brought: values [head, ..., pos, key].

    A head's z is its weights times the values, so that its part of the logit is a sum over the keys that it looked at
    (Elhage et al. 2021, "Attention Heads are Independent and Additive"); over them it is `direct_attribution`'s.
    Raises: ConfigError as `direct_attribution`; for a z that was patched, which is no such sum.
    """
    config = without(config, trace.interventions.off)
    reader, _ = reading_direction(trace, params, config, token)
    if patched := [name for name in trace.interventions.patch if name.endswith("attn.z")]:
        raise ConfigError(f"patch: {patched[0]} was put there, so it comes from no word", "patch")
    parts = {}
    for i in range(config.n_layers):
        at, off = f"blocks.{i}.attn.", trace.interventions.ablated_in(i)
        back = into_heads(reader, trace, params, config, i)  # [..., head, pos, d_head]
        values = np.repeat(trace[at + "v"], config.n_heads // config.kv_heads, axis=-3)
        brought = trace[at + "pattern"] * (back @ values.swapaxes(-1, -2))
        for head in range(config.n_heads):
            parts[f"{at}{head}"] = brought[..., head, :, :] * (head not in off)
    return Attribution(tuple(parts), np.stack(list(parts.values())))


def reading_direction(
    trace: Trace, params: Params, config: Config, token: int | np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """[..., pos, d_model]: what the logit of `token` is the dot product of the last stream with; and what is added."""
    _check_sum(config)
    token = np.broadcast_to(np.asarray(token), trace["logits"].shape[:-1])
    if token.dtype.kind not in "iu" or token.min() < 0 or token.max() >= config.vocab_size:
        raise ConfigError(f"token: must be ids in 0..{config.vocab_size - 1}", "token")
    reader = unembedding(params, config).T[token]  # [..., pos, d_model]: the logit is a component's dot product with it
    parts: dict[str, np.ndarray] = {}
    if config.final_norm:
        if config.norm == "layer":
            parts["ln_final.b"] = np.vecdot(reader, params["ln_final.b"])
        reader = reader * params["ln_final.w"] / trace["ln_final.scale"]
        if config.norm == "layer":  # x - mean(x) is its own transpose: it may act on the reader in x's place
            reader = reader - reader.mean(axis=-1, keepdims=True)
    if config.unembed_bias:
        parts["unembed.b_U"] = params["unembed.b_U"][token]
    return reader, parts


def into_heads(reader: np.ndarray, trace: Trace, params: Params, config: Config, layer: int) -> np.ndarray:
    """[..., head, pos, d_head]: the reader, before the heads of a layer are merged.

    z W_O . reader = z . (reader W_O^T), so that no head's output is written out in d_model numbers.
    """
    merged = config.projections and "W_O" not in trace.interventions.off
    width = config.n_heads * config.head_width
    back = reader @ params[f"blocks.{layer}.attn.W_O"].T if merged else identity(reader, width)
    return back.reshape(*back.shape[:-1], config.n_heads, config.head_width).swapaxes(-3, -2)


def is_sum(config: Config) -> bool:
    """Whether the last stream is the sum of what the heads and MLPs of its own stack wrote, each part as it was."""
    return config.residual and not config.cross and not (config.norm != "none" and config.norm_at == "post")


def _written(trace: Trace, params: Params, config: Config, reader: np.ndarray) -> dict[str, np.ndarray]:
    """name -> [..., pos]: what every part of the residual stream writes in the direction of `reader`."""
    if config.embed_norm:
        parts = {"ln_embed.out": np.vecdot(trace["ln_embed.out"], reader)}
    else:
        names = ("embed", "pos_embed") if config.positions in ("sinusoidal", "learned") else ("embed",)
        parts = {name: np.vecdot(trace[name], reader) for name in names}
    for i in range(config.n_layers):
        at = f"blocks.{i}."
        heads = np.vecdot(trace[at + "attn.z"], into_heads(reader, trace, params, config, i))  # [..., head, pos]
        merged = config.projections and "W_O" not in trace.interventions.off
        parts |= {f"{at}attn.{head}": heads[..., head, :] for head in range(config.n_heads)}
        if merged and at + "attn.b_O" in params:
            parts[at + "attn.b_O"] = np.vecdot(reader, params[at + "attn.b_O"])
        if config.d_mlp:
            parts[at + "mlp_out"] = np.vecdot(trace[at + "mlp_out"], reader)
    return parts


def _check_unembed(config: Config) -> None:
    if not config.unembed:
        raise ConfigError("unembed: is False, and without logits there is nothing to read", "unembed")


def _check_stream(config: Config) -> None:
    _check_unembed(config)
    if not config.residual:
        raise ConfigError(
            "residual: is False, so each block replaces what came before it: there is no one stream that the "
            "unembedding could read early",
            "residual",
        )


def _check_sum(config: Config) -> None:
    _check_unembed(config)
    if not config.residual:
        raise ConfigError("residual: is False, so the last stream is not a sum of all that was written", "residual")
    if config.cross:
        raise ConfigError("cross: True, so the last stream holds what was brought from another text as well", "cross")
    if not is_sum(config):
        raise ConfigError(
            "norm_at: 'post' rescales the sum after every part, so no part reaches the logits as it was written",
            "norm_at",
        )
