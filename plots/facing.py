"""Two texts on planes that face one another, and attention as light: inside each, and from one to the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from plots.fibres import greatest_looks, woven
from plots.planes import Plane, arc

BACK, FRONT = 0.3, -0.35  # how far the planes stand from the middle of the scene
STEP = 2  # layers' heights from one plane up to the other: the names of what is read stand there


def facing(
    encoder: np.ndarray,
    decoder: np.ndarray,
    cross: np.ndarray | None,
    source: list[str],
    read: list[str],
    written: list[str],
    *,
    threshold: float = 0.05,
    focus: int | None = None,
    layers_lit: int | None = None,
    prefixes: tuple[str, str] = ("E", "D"),
    width: int = 640,
    height: int = 620,
    alt: str = "",
) -> dict[str, Any]:
    """`encoder` [layer, head, source, source] below and behind, `decoder` [layer, head, target, target] above and in
    front; `cross` [layer, head, target, source] rises from the encoder's highest level to the level that each of the
    decoder's layers makes. None: there is none.

    The encoder's layers are lit first, and then each of the decoder's with its cross-attention. `focus`, and a clicked
    node's `customdata`, count the source's tokens and then the target's. `read` are the target's tokens as they go in,
    below its lowest level, `written` those that come out, above its highest. All else is as in `plots.fibres.fibres`;
    a clicked fibre's place is one of [layer, head, token, token], the encoder's layers first and the source's tokens.
    """
    n_encoder, n_decoder, n, m = len(encoder), len(decoder), len(source), len(read)
    kinds = [encoder, decoder] if cross is None else [encoder, decoder, cross]
    shining = np.zeros((n_encoder + n_decoder, max(a.shape[1] for a in kinds), n + m, n + m), np.float32)
    shining[:n_encoder, : encoder.shape[1], :n, :n] = np.nan_to_num(encoder)
    shining[n_encoder:, : decoder.shape[1], n:, n:] = np.nan_to_num(decoder)
    if cross is not None:
        shining[n_encoder:, : cross.shape[1], n:, :n] = np.nan_to_num(cross)
    levels = n_encoder + STEP + n_decoder
    behind, before = arc(n, levels)[: n_encoder + 1], arc(m, levels)[n_encoder + STEP :]
    behind[..., 1] += BACK
    before[..., 1] = FRONT - before[..., 1]
    planes = [
        Plane(behind, source, None, [f"{prefixes[0]}{layer}" for layer in range(n_encoder)]),
        Plane(before, read, written, [f"{prefixes[1]}{layer}" for layer in range(n_decoder)], first=n),
    ]
    rows = sum(a.shape[0] * a.shape[1] * a.shape[2] for a in kinds)
    starts, ends = _ways(behind, before)
    return woven(
        shining,
        greatest_looks(shining),
        planes,
        starts,
        ends,
        threshold=threshold,
        focus=focus,
        layers_lit=layers_lit,
        rows=rows,
        width=width,
        height=height,
        alt=alt,
    )


def _ways(behind: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a curve begins, [layer, key, xyz], and where it ends, [layer, query, xyz]: inside the text behind, inside
    the one before it, or from the highest level of the first to the second."""
    (n_encoder, n), (n_decoder, m) = ((len(places) - 1, places.shape[1]) for places in (behind, before))
    starts, ends = np.zeros((2, n_encoder + n_decoder, n + m, 3), np.float32)
    starts[:n_encoder, :n] = behind[:-1]
    ends[:n_encoder, :n] = behind[1:]
    starts[n_encoder:, :n] = behind[-1]
    starts[n_encoder:, n:] = before[:-1]
    ends[n_encoder:, n:] = before[1:]
    return starts, ends
