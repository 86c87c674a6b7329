"""Activation patching: what of one run, put into another, brings its answer over.

Two sentences of the same length, and two candidates for the next token. One array after another is taken out of the
run `source` and put into the run `target`; what counts is the difference of the candidates' logits at the last position
(Vig et al. 2020, section 3; Meng et al. 2022, section 2; Wang et al. 2023, section 3). With the clean sentence as the
source this restores, and finds what is enough; the other way about it breaks, and finds what is needed.

Whatever stands before a patch is the target's own and is not computed again, and all patches of a layer run at once
along a leading axis. Of an encoder-decoder both runs read the same target, and what its encoder makes of a patch goes
to every layer of the decoder.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..activations import last_stream
from ..arguments import several, whole, wrong
from ..config import ENCODER, Config
from ..errors import ConfigError
from ..interventions import Interventions, Patch, without
from ..model import block, norm, unembed
from ..params import Params, encoder_params
from ..trace import Trace

ARRAYS = {  # what of a layer is patched: the array's name there
    **{"stream": "resid_pre", "heads": "attn.z", "words": "attn.z", "mlp": "mlp_out"},
    **{"cross": "cross.z", "encoder": "resid_pre"},
}


def difference(trace: Trace, pair: tuple[int, int]) -> float:
    """Of the logits of two tokens, the first less the second, at the last position."""
    first, second = trace.row("logits", -1)[list(pair)].tolist()
    return first - second


def patched_differences(
    params: Params,
    config: Config,
    target: Trace,
    source: Trace,
    pair: tuple[int, int],
    what: str,
    layer: int,
    head: int = 0,
) -> np.ndarray:
    """`difference` after each patch of one layer of `target` with what `source` has there: [variant].

    what: "stream", the residual stream that enters the layer, a position a variant; "heads", the output z of a head, a
    head a variant; "words", z of one `head`, a position a variant; "mlp", the output of the MLP, a single variant. Of
    an encoder-decoder those are the decoder's; "cross", z of its cross-attention, a head a variant; "encoder", the
    stream that enters a layer of the encoder, a position a variant.
    target, source: full traces, each of one sentence, of the same length. Raises: ConfigError where they are not, for a
    model without logits, and for an array, a head or a token that there is not.
    """
    config = without(config, target.interventions.off)
    if not isinstance(what, str) or what not in ARRAYS:
        raise wrong("what", what, f"one of {', '.join(ARRAYS)}")
    whole("head", head, 0, config.n_heads - 1)
    for token in several("pair", pair, "ids of tokens"):
        whole("pair", token, 0, config.vocab_size - 1)
    if not config.unembed:
        raise ConfigError("unembed: is False, and without logits no candidate is likelier", "unembed")
    name = f"{ENCODER if what == 'encoder' else ''}blocks.{layer}.{ARRAYS[what]}"
    if name not in target:
        raise ConfigError(f"what: {what!r} of layer {layer} is no array of this model", "what")
    mine, theirs = target[name], source[name]
    if mine.shape != theirs.shape:
        raise ConfigError(f"source: {theirs.shape} does not fit {mine.shape}: the sentences differ in length", "source")
    values = np.where(_variants(mine.shape, what, head), theirs, mine)
    memory = target[last_stream(config.encoder, ENCODER)] if config.n_encoder_layers else None
    change = target.interventions
    if what == "stream":
        return _last(values, params, config, target, layer, pair, change, memory)
    if what == "encoder":
        memory, layer = _encoded(values, params, config, target, layer), 0
    else:
        change = replace(change, patch={**change.patch, name: Patch((), values)})
    start = target[f"blocks.{layer}.resid_pre"]
    start = np.broadcast_to(start, (len(values), *start.shape))
    return _last(start, params, config, target, layer, pair, change, memory)


def _variants(shape: tuple[int, ...], what: str, head: int) -> np.ndarray:
    """Which numbers each variant takes from the source: [variant, ...shape], or what NumPy stretches to it."""
    if what in ("stream", "encoder"):  # [variant, pos, d_model]
        return np.eye(shape[0], dtype=bool)[:, :, None]
    if what in ("heads", "cross"):  # [variant, head, pos, d_head]
        return np.eye(shape[0], dtype=bool)[:, :, None, None]
    if what == "words":
        own = np.arange(shape[0]) == head
        return own[None, :, None, None] & np.eye(shape[1], dtype=bool)[:, None, :, None]
    return np.ones((1, 1, 1), bool)


@np.errstate(over="ignore", invalid="ignore")  # as in forward
def _encoded(x: np.ndarray, params: Params, config: Config, target: Trace, layer: int) -> np.ndarray:
    """From x [variant, pos, d_model], which enters a layer of the encoder, to what the decoder looks at: the same."""
    assert target.source is not None, "an encoder has written there"
    own, encoder, rest = encoder_params(params), config.encoder, target.source.unseen(target.source.interventions)
    for i in range(layer, encoder.n_layers):
        x = block(x, own, encoder, i, rest)
    return norm(x, own, encoder, "ln_final", rest) if encoder.final_norm else x


@np.errstate(over="ignore", invalid="ignore")  # as in forward
def _last(
    x: np.ndarray,
    params: Params,
    config: Config,
    target: Trace,
    layer: int,
    pair: tuple[int, int],
    first: Interventions,
    memory: np.ndarray | None,
) -> np.ndarray:
    """From x [variant, pos, d_model], which enters a layer, to the difference at the last position: [variant].

    first: the interventions of that layer; memory [..., pos, d_model]: what a decoder looks at.
    """
    rest = target.unseen(target.interventions)
    for i in range(layer, config.n_layers):
        x = block(x, params, config, i, target.unseen(first) if i == layer else rest, memory=memory)
    x = x[:, -1:]
    x = norm(x, params, config, "ln_final", rest) if config.final_norm else x
    logits = unembed(x, params, config, rest)[:, 0]
    return logits[:, pair[0]].astype(np.float64) - logits[:, pair[1]]
