"""The Transformer, backward: the headings of model.py in mirror order, each the gradients of the section that it names.

Each function takes the gradient of its section's output, and gives that of its input, by the chain rule (Rumelhart et
al. 1986). `dx` is the gradient of the loss with respect to x; a comment says in short the line of model.py that is
gone back through. What a function returns is its caller's to add to.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from .activations import before_mlp, last_stream
from .arguments import flag, instance, mapping
from .backward_needs import check_trace
from .config import ENCODER, Config
from .errors import ConfigError
from .gradient_flow import GradientFlow
from .interventions import without
from .model import norm_places
from .ops.activations import ACTIVATIONS_BACKWARD
from .ops.attention import attention_scores_backward, merge_heads, split_heads, weighted_values_backward
from .ops.embedding import embedding_backward
from .ops.linear import bias_backward, linear_backward
from .ops.norm import centred_backward, gain_backward, mean_backward, scale_backward
from .ops.positions import rotary_angles, rotate_backward
from .ops.softmax import softmax_backward
from .params import Params, check_needed, encoder_params, unembedding
from .trace import Trace

NO_BACKWARD = frozenset({"softmax", "W_V", "W_O"})  # parts whose absence the Config cannot say
# Of these the backward formula takes its slope from what the forward gave, which a patch has replaced.
NO_BACKWARD_PATCHED = (".pattern", ".normalized")


def backward(
    params: Params,
    config: Config,
    trace: Trace,
    dlogits: np.ndarray | None = None,
    *,
    upstream: Mapping[str, np.ndarray] | None = None,
    activations: bool = False,
    bug: bool = False,
) -> dict[str, np.ndarray]:
    """The gradients of a loss with respect to every parameter: dlogits [..., pos, vocab] -> gradients; by name.

    `dlogits`, as a loss gives it, is the gradient that enters at the logits; `upstream` lets more enter at any other
    activation, by name. What stands in front as a batch is summed. Interventions are those of the trace.
    activations: True adds the gradient of every activation, under its own name.
    bug: True plants a mistake in one formula, `softmax_backward`, for a gradient check to find.
    Reads only the trace. Raises: ConfigError for a trace without a name of `needed`, for gradients that do not fit it,
    for a part taken out that has no backward, and for a patch that it cannot follow. Past a patched number nothing
    flows: it is a constant.
    """
    instance("config", config, Config)
    instance("trace", trace, Trace)
    if refused := NO_BACKWARD & trace.interventions.off:
        raise ConfigError(f"off: backward does not go through a model without {', '.join(sorted(refused))}", "off")
    for name in trace.interventions.patch:
        if name.endswith(NO_BACKWARD_PATCHED):
            raise ConfigError(f"patch: backward reads {name} as it was computed, and it was patched", "patch")
    config = without(config, trace.interventions.off)
    check_needed(params, config)
    check_trace(trace, config)
    upstream = mapping("upstream", {} if upstream is None else upstream, "from activations to their gradients")
    entering = dict(upstream) | ({} if dlogits is None else {"logits": dlogits})
    flow = GradientFlow(trace, entering, flag("activations", activations), flag("bug", bug))
    dx = unembed_backward(params, config, trace, flow) if config.unembed else None
    stack_of_blocks_backward(dx, params, config, trace, flow)
    if trace.source is not None:
        part = flow.part(ENCODER)
        stack_of_blocks_backward(flow.memory, encoder_params(params), config.encoder, trace.source, part)
        for name, gradient in part.params.items():
            if ENCODER + name in params:
                flow.params[ENCODER + name] = gradient
            else:  # a table of embeddings that both stacks share
                flow.params[name] = flow.params[name] + gradient
    unused = (name for name in params if name not in flow.params)  # of a part taken out
    grads = flow.params | {name: np.zeros_like(params[name]) for name in unused}
    return {name: grads[name] for name in params} | flow.kept


def _linear_backward(dy: np.ndarray, x: np.ndarray, params: Params, W: str, b: str, flow: GradientFlow) -> np.ndarray:
    """dy [..., d_out], x [..., d_in] -> dx [..., d_in]; those of the matrix W and, if there is one, of b go to flow."""
    # y = linear(x, params[W], params.get(b))
    dx, flow.params[W] = linear_backward(dy, x, params[W])
    if b in params:
        flow.params[b] = bias_backward(dy)
    return dx


# -------------------------------------------------------------------------------------------------------- unembed


def unembed_backward(params: Params, config: Config, trace: Trace, flow: GradientFlow) -> np.ndarray:
    """What entered flow at the logits -> dx [..., pos, d_model]; that of the last stream (see `unembed`)."""
    dlogits = flow.put("logits")
    x = trace[last_stream(config)]
    # logits = linear(x, W_U, b_U)
    if not config.tied_unembed:
        return _linear_backward(dlogits, x, params, "unembed.W_U", "unembed.b_U", flow)
    # W_U = W_E.T
    dx, dW_U = linear_backward(dlogits, x, unembedding(params, config))
    flow.params["embed.W_E"] = dW_U.T
    if "unembed.b_U" in params:
        flow.params["unembed.b_U"] = bias_backward(dlogits)
    return dx


# ----------------------------------------------------------------------------------------------------------- norm


def norm_backward(
    dout: np.ndarray | None, params: Params, config: Config, at: str, trace: Trace, flow: GradientFlow
) -> np.ndarray:
    """LayerNorm's or RMSNorm's (ops/norm.py), step by step: dout [..., pos, d_model] -> dx [..., pos, d_model]."""
    normalized, scale = trace[at + ".normalized"], trace[at + ".scale"]
    dout = flow.put(at + ".out", dout)
    # out = normalized * w, and out += b
    dnormalized, flow.params[at + ".w"] = gain_backward(dout, normalized, params[at + ".w"])
    if at + ".b" in params:
        flow.params[at + ".b"] = bias_backward(dout)
    dnormalized = flow.put(at + ".normalized", dnormalized)
    # normalized = x / scale, of x and scale as layer_norm or rms_norm gives them
    dscale = flow.put(at + ".scale", scale_backward(dnormalized, normalized, scale))
    dx = centred_backward(dnormalized, dscale, normalized, scale)
    return mean_backward(dx) if config.norm == "layer" else dx


# ------------------------------------------------------------------------------------------------------------ mlp


def mlp_backward(
    dout: np.ndarray, x: np.ndarray, params: Params, config: Config, at: str, trace: Trace, flow: GradientFlow
) -> np.ndarray:
    """Through W_out, f and W_in (and W_gate): dout [..., pos, d_model], x [..., pos, d_model], which the MLP was given
    -> dx [..., pos, d_model].
    """
    f_backward = ACTIVATIONS_BACKWARD[config.activation]
    # mlp_out = linear(post, W_out, b_out)
    dpost = _linear_backward(dout, trace[at + "post"], params, at + "W_out", at + "b_out", flow)
    dpost = flow.put(at + "post", dpost)
    if not config.gated:
        # post = f(pre), and pre = linear(x, W_in, b_in)
        dpre = flow.put(at + "pre", f_backward(dpost, trace[at + "pre"], trace[at + "post"]))
        return _linear_backward(dpre, x, params, at + "W_in", at + "b_in", flow)
    # post = act * up, act = f(pre), pre = linear(x, W_gate), up = linear(x, W_in, b_in)
    dact = flow.put(at + "act", dpost * trace[at + "up"])
    dup = flow.put(at + "up", dpost * trace[at + "act"])
    dpre = flow.put(at + "pre", f_backward(dact, trace[at + "pre"], trace[at + "act"]))
    dx = _linear_backward(dpre, x, params, at + "W_gate", "", flow)
    dx += _linear_backward(dup, x, params, at + "W_in", at + "b_in", flow)
    return dx


# ------------------------------------------------------------------------------------------------------ attention


def attention_backward(
    dout: np.ndarray,
    x: np.ndarray,
    params: Params,
    config: Config,
    i: int,
    trace: Trace,
    flow: GradientFlow,
    kind: str = "attn",
) -> np.ndarray:
    """Through W_O, A V, softmax, scale, Q K^T and the projections: dout [..., pos, d_model], x [..., pos, d_model],
    which attention was given -> dx [..., pos, d_model]; that of its three ways into attention, added up.

    Of kind "cross" there is one way: what keys and values give goes to the encoder's output, in flow.
    """
    at, own = f"blocks.{i}.{kind}.", kind == "attn"
    change = trace.interventions
    if config.projections:
        # attn_out = linear(merge_heads(z), W_O, b_O)
        dout = _linear_backward(dout, merge_heads(trace[at + "z"]), params, at + "W_O", at + "b_O", flow)
    dz = flow.put(at + "z", split_heads(dout, config.n_heads))
    if ablated := change.ablated_in(i, kind):
        # z[..., head, :, :] = 0
        dz = dz.copy()
        dz[..., ablated, :, :] = 0

    pattern = trace[at + "pattern"]
    # z = weighted_values(pattern, v)
    dpattern, dv = weighted_values_backward(dz, pattern, trace[at + "v"])
    dpattern = flow.put(at + "pattern", dpattern)
    # pattern = softmax(scores, temperature), of scores = scores + mask
    dscores = flow.put(at + "scores_masked", softmax_backward(dpattern, pattern, change.temperature, flow.bug))
    dscores = flow.put(at + "scores_scaled", dscores)  # the mask is a constant
    if config.scale:
        # scores = scores * (1 / sqrt(head_width))
        dscores = dscores * (1 / sqrt(config.head_width))
    dscores = flow.put(at + "scores", dscores)

    # scores = attention_scores(q, k)
    if own and config.positions == "rotary":
        about = (config.rotary_width, config.rotary_base, x.dtype, config.rotary_scaling)
        turn = rotary_angles(x.shape[-2], *about)
        dq, dk = attention_scores_backward(dscores, trace[at + "rot_q"], trace[at + "rot_k"])
        # q = rotate(q, *turn), k = rotate(k, *turn)
        dq = rotate_backward(flow.put(at + "rot_q", dq), *turn)
        dk = rotate_backward(flow.put(at + "rot_k", dk), *turn)
    else:
        dq, dk = attention_scores_backward(dscores, trace[at + "q"], trace[at + "k"])

    # q = split_heads(linear(x, W_Q, b_Q)), and so k and v of y, which is x but in cross-attention
    y = x if own else trace[last_stream(config.encoder, ENCODER)]
    parts = [merge_heads(flow.put(at + name, dy)) for name, dy in (("q", dq), ("k", dk), ("v", dv))]
    if config.projections:
        parts = [
            _linear_backward(dy, given, params, at + "W_" + name, at + "b_" + name, flow)
            for name, dy, given in zip("QKV", parts, (x, y, y), strict=True)
        ]
    if not own:
        flow.remember(parts[1] + parts[2])
        return parts[0].copy()  # the caller adds to it, and what flow keeps must not change
    dx = parts[0] + parts[1]
    dx += parts[2]
    return dx


# ---------------------------------------------------------------------------------------------------------- block


def block_backward(
    dout: np.ndarray | None, params: Params, config: Config, i: int, trace: Trace, flow: GradientFlow
) -> np.ndarray:
    """One layer: dout [..., pos, d_model] -> dx [..., pos, d_model]. A residual adds the gradients of its two ways."""
    at = f"blocks.{i}."
    pre, post = norm_places(config)
    dmiddle = flow.put(at + "resid_post", dout)

    if config.d_mlp:
        x = trace[at + ("ln2.out" if pre else before_mlp(config))]
        if post:
            dmiddle = norm_backward(dmiddle, params, config, at + "ln2", trace, flow)
        dx = flow.put(at + "mlp_out", dmiddle)
        dx = mlp_backward(dx, x, params, config, at + "mlp.", trace, flow)
        if pre:
            dx = norm_backward(dx, params, config, at + "ln2", trace, flow)
        if config.parallel:  # x = middle + mlp(start)
            dstart = dx
        else:  # x = middle + mlp(middle), or mlp(middle) alone
            dmiddle = np.add(dx, dmiddle, out=dx) if config.residual else dx

    if config.cross:
        dmiddle = flow.put(at + "resid_mid_cross", dmiddle)
        x = trace[at + ("ln_cross.out" if pre else "resid_mid")]
        if post:
            dmiddle = norm_backward(dmiddle, params, config, at + "ln_cross", trace, flow)
        dx = flow.put(at + "cross_out", dmiddle)
        dx = attention_backward(dx, x, params, config, i, trace, flow, "cross")
        if pre:
            dx = norm_backward(dx, params, config, at + "ln_cross", trace, flow)
        dmiddle = np.add(dx, dmiddle, out=dx) if config.residual else dx

    dmiddle = flow.put(at + "resid_mid", dmiddle)
    x = trace[at + ("ln1.out" if pre else "resid_pre")]
    if post:
        dmiddle = norm_backward(dmiddle, params, config, at + "ln1", trace, flow)
    dx = flow.put(at + "attn_out", dmiddle)
    dx = attention_backward(dx, x, params, config, i, trace, flow)
    if pre:
        dx = norm_backward(dx, params, config, at + "ln1", trace, flow)
    if config.residual:  # x = start + attention(start)
        dx += dmiddle
    if config.d_mlp and config.parallel:
        dx += dstart
    return flow.put(at + "resid_pre", dx)


# ---------------------------------------------------------------------------------------------------------- embed


def embed_backward(dx: np.ndarray, params: Params, config: Config, trace: Trace, flow: GradientFlow) -> None:
    """dx [..., pos, d_model] -> None: those of W_pos and W_E go to flow, each summed over all places of its row."""
    if config.embed_norm:
        dx = norm_backward(dx, params, config, "ln_embed", trace, flow)
    if config.positions in ("sinusoidal", "learned"):
        # x = x + P[:n], the same P for every entry of a batch
        n, d = dx.shape[-2:]
        dP = flow.put("pos_embed", dx.reshape(-1, n, d).sum(0))
        if config.positions == "learned":
            flow.params["pos_embed.W_pos"] = np.zeros_like(params["pos_embed.W_pos"])
            flow.params["pos_embed.W_pos"][:n] = dP
    dx = flow.put("embed", dx)
    if config.embed_scale:
        # x = x * sqrt(d_model)
        dx = dx * dx.dtype.type(sqrt(config.d_model))
    dW_E = flow.params.get("embed.W_E", 0.0)  # what a tied unembedding has left there
    if trace.ids is None:  # embeddings were given: W_E was not looked up
        flow.params["embed.W_E"] = dW_E + np.zeros_like(params["embed.W_E"])
    else:
        if config.padding_id is not None:
            dx = np.where(trace.ids[..., None] == config.padding_id, dx.dtype.type(0), dx)
        flow.params["embed.W_E"] = dW_E + embedding_backward(dx, trace.ids, config.vocab_size)


# ---------------------------------------------------------------------------------------------------------- stack


def stack_of_blocks_backward(
    dx: np.ndarray | None, params: Params, config: Config, trace: Trace, flow: GradientFlow
) -> None:
    """dx [..., pos, d_model], of what the stack gave -> None: the gradients of its parameters go to flow."""
    if config.final_norm:
        dx = norm_backward(dx, params, config, "ln_final", trace, flow)
    for i in reversed(range(config.n_layers)):
        dx = block_backward(dx, params, config, i, trace, flow)
    assert dx is not None  # there is a block at least
    embed_backward(dx, params, config, trace, flow)
