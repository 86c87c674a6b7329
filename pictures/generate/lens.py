"""The logit lens: what each layer would say if it were the last, at every position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core import Scene
from core.interpret import read_likeliest
from pictures import compute, continuation, memory
from pictures.compute import Picture, picture
from pictures.generate.draw import share
from pictures.numbers import Each
from pictures.words import Words
from plots.lens import lens as plot
from plots.tokens import edged


@picture(*continuation.KNOBS, "tokens_written")
def lens(scene: Scene, words: Words) -> Picture:
    """[position, stage]: the likeliest next token after each stage, and its share."""
    text = continuation.text_of(scene)
    tops, shares, first = read(scene, text)
    name, ids = continuation.names(scene, words), text.text(continuation.reached(scene, text))
    rows, following = continuation.spelled(scene, text, len(ids) - 1 - len(text.ids), words)[first:], ids[first + 1 :]
    columns = [words("generate.lens.start"), *(words("generate.lens.after", i=i) for i in range(tops.shape[1] - 1))]
    came = tops == following[:, None]
    says = _says(tops, shares, came, rows, name, words)
    figure = plot(
        shares.astype(np.float32),
        [[name(token) for token in row] for row in tops.tolist()],
        came,
        rows,
        columns,
        row_title=words("generate.lens.position"),
        column_title=words("generate.lens.stage"),
        hover=words("generate.hover.lens"),
        width=640,
        height=height(len(rows)),
        alt=says,
    )
    stages = ["blocks.0.resid_pre", *(f"blocks.{i}.resid_post" for i in range(tops.shape[1] - 1))]
    numbers = [
        tuple((f"lens.{stage}", (first + row, int(top))) for stage, top in zip(stages, line, strict=True))
        for row, line in enumerate(tops)
    ]
    return Picture(figure, says, Each(tuple(numbers)))


def height(rows: int) -> int:
    """Pixels of that figure."""
    return 84 + 29 * rows


def read(scene: Scene, text: continuation.Writing) -> tuple[np.ndarray, np.ndarray, int]:
    """The likeliest token [position, stage] and its probability, of the last positions; and the first one of these.

    Raises: ConfigError where there is no stream to read, as `read_likeliest` says.
    """
    stages = continuation.stages(scene, text)
    first = len(text.ids) + continuation.reached(scene, text) - 1 - stages.shape[1]
    if not continuation.is_resumed(scene):
        tops, shares = read_likeliest(stages, text.params, text.config)
        return tops.T, shares.T, first
    # What stands at a position follows from the text before it: a step on, and one row alone is new.
    written, known = text.text(continuation.reached(scene, text))[len(text.ids) :], _known(scene.computed)
    places = range(first, first + stages.shape[1])
    rows = [(place, written[: max(0, place + 1 - len(text.ids))].tobytes()) for place in places]
    if missing := [i for i, row in enumerate(rows) if row not in known]:
        tops, shares = read_likeliest(stages[:, missing], text.params, text.config)
        known.update((rows[i], found) for i, *found in zip(missing, tops.T, shares.T, strict=True))
    tops, shares = (np.stack(each) for each in zip(*(known[row] for row in rows), strict=True))
    return tops, shares, first


@memory.kept(lambda scene: (scene,), large=compute.is_large, grows=True)
def _known(scene: Scene) -> dict[tuple[int, bytes], list[np.ndarray]]:
    """Of the texts that are written after a Scene's sentence, by a position and the new tokens up to it: the likeliest
    token of each stage there, and its probability; nothing yet."""
    return {}


def readable(scene: Scene) -> bool:
    """Whether this Config has a stream that can be read early."""
    return scene.config.residual


def _says(
    tops: np.ndarray,
    shares: np.ndarray,
    came: np.ndarray,
    rows: list[str],
    name: Callable[[int], str],
    words: Words,
) -> str:
    """From which layer on the last position's answer stands; layers count from 0, stage 0 is the start."""
    final, last = tops[-1, -1], tops.shape[1] - 2
    since = last + 1
    while since and tops[-1, since - 1] == final:
        since -= 1
    key = "start" if since == 0 else "last" if since == last + 1 else "layer"
    about = {"token": edged(name(int(final))), "after": edged(rows[-1]), "share": share(float(shares[-1, -1]), words)}
    says = words(f"generate.says.lens_{key}", layer=since - 1, last=last, n=last + 1, **about)
    return f"{says} {words('generate.says.lens_bold')}" if came.any() else says
