"""The logit lens: what each layer would say if it were the last, at every position."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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

AT_ONCE = 4  # rows that are read before others come between: of one the matrix is widened for as long as it is read
Row = tuple[int, bytes]  # a position, and the new tokens up to it


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
    places = _places(scene, text)
    if not continuation.is_resumed(scene):
        tops, shares = read_likeliest(continuation.stages(scene, text), text.params, text.config)
        return tops.T, shares.T, places.start
    known, rows = read_rows(scene, tuple(places)), _rows(scene, text, places)
    tops, shares = (np.stack(each) for each in zip(*(known[row] for row in rows), strict=True))
    return tops, shares, places.start


def read_rows(scene: Scene, places: tuple[int, ...]) -> dict[Row, list[np.ndarray]]:
    """What is known of a text's rows once these positions are among them, each of a large model that `is_resumed`."""
    text, known = continuation.text_of(scene), _known(scene.computed)
    # What stands at a position follows from the text before it: a step on, and one row alone is new.
    rows = zip(places, _rows(scene, text, places), strict=True)
    if missing := [(place, row) for place, row in rows if row not in known]:
        columns = [place - _places(scene, text).start for place, _ in missing]
        tops, shares = read_likeliest(continuation.stages(scene, text)[:, columns], text.params, text.config)
        known.update((row, found) for (_, row), *found in zip(missing, tops.T, shares.T, strict=True))
    return known


def parts(scene: Scene) -> list[tuple[Scene, tuple[int, ...]]]:
    """What `read_rows` is asked of a picture: some rows at a time; where all are read in one go, nothing."""
    if not continuation.is_resumed(scene):
        return []
    places = [*_places(scene, continuation.text_of(scene))]
    bare = compute.looked_at(scene, (*continuation.KNOBS, "tokens_written"))
    return [(bare, tuple(places[at : at + AT_ONCE])) for at in range(0, len(places), AT_ONCE)]


def known(scene: Scene, places: tuple[int, ...]) -> bool:
    """Whether `read_rows` has read all of these positions."""
    return not _missing(scene, places)


def cost(scene: Scene) -> float:
    """The multiplications that it takes to read what was not read yet."""
    missing = sum(_missing(*part) for part in parts(scene))
    return missing * (scene.config.n_layers + 1) * scene.config.d_model * scene.config.vocab_size


def _missing(scene: Scene, places: tuple[int, ...]) -> int:
    found = _known(scene.computed)
    return sum(row not in found for row in _rows(scene, continuation.text_of(scene), places))


def _places(scene: Scene, text: continuation.Writing) -> range:
    """The positions that are read: the last ones before the token that was taken."""
    end = len(text.ids) + continuation.reached(scene, text) - 1
    return range(max(0, end - continuation.ROWS), end)


def _rows(scene: Scene, text: continuation.Writing, places: Iterable[int]) -> list[Row]:
    written = text.text(continuation.reached(scene, text))[len(text.ids) :]
    return [(place, written[: max(0, place + 1 - len(text.ids))].tobytes()) for place in places]


@memory.kept(lambda scene: (scene,), large=compute.is_large, grows=1)
def _known(scene: Scene) -> dict[Row, list[np.ndarray]]:
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
