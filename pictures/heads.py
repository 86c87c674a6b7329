"""All heads at once: the tiles, one enlarged, how spread and how far each looks, and what grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core import Scene
from core.interpret import attention_distance, entropy
from pictures import compute, left_out, memory, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.extremes import FEW, greatest, greatest_of_parts, head_names, least, some, token_name, unit
from pictures.growth import lengths_within
from pictures.labels import look, looks
from pictures.numbers import COLUMN, ROW, Cells, Tiles, by_layer, cells
from pictures.one_head import at_head
from pictures.squares import enlarging, head_axes, looks_map
from pictures.stacks import each_layer, some_layers
from pictures.words import Words, capital
from plots.figure import label_width
from plots.heatmap import heatmap
from plots.tile_places import grid
from plots.tiles import outlined, tiles

WIDE, HALF, NARROW = 600, 290, 390  # px: the left column, half of it, and the right column, at 1440
GROWTH_HEIGHT = 250  # px
SHOWN = ("without_first", "rows_renormalized", "attention_of")  # what of the patterns is on the map of all heads


@picture("layer", "head", *SHOWN)
def overview(scene: Scene, words: Words) -> Picture:
    """Every head of every layer."""
    drawn = _all(scene, words)
    return replace(drawn, figure=with_chosen(drawn.figure, scene))


# Another head chosen, and all of them look as they did: 270 tiles, and of a long text to find the strongest.
@memory.kept(
    lambda scene, words: (scene.computed, *(getattr(scene, name) for name in SHOWN), words.lang),
    large=lambda scene, _: compute.is_large(scene),
)
def _all(scene: Scene, words: Words) -> Picture:
    """The same with none chosen."""
    whole = [*each_layer(scene)]  # side by side they would be copied: 71 MB of a long text in SmolLM2
    a = [left_out.on_map(layer, scene) for layer in whole]
    told = left_out.told_of_rows(np.stack(whole), scene, words) if left_out.hides(scene) else ""
    says = strongest(scene, a, words) + told
    name = left_out.weights_name(stacks.looks(scene).name("pattern", "{}"), scene)
    figure = all_tiles(scene, a, words, says, looks(scene, words))
    n = stacks.looks(scene).longest
    return Picture(figure, says, Tiles((len(a), len(a[0]), n, n), name, a[0].shape[1:]))


def squared(a: np.ndarray) -> np.ndarray:
    """[..., n, n] of [..., row, column], n the longer side; NaN where there is no such cell."""
    *many, rows, columns = a.shape
    if rows == columns:
        return a
    square = np.full((*many, max(rows, columns), max(rows, columns)), np.nan, a.dtype)
    square[..., :rows, :columns] = a
    return square


def with_chosen(figure: dict[str, Any], scene: Scene) -> dict[str, Any]:
    """The figure of all tiles with the chosen head outlined: beside the given one, whose arrays it shares."""
    found = stacks.looks(scene)
    shape = (found.config.n_layers, found.config.n_heads, found.longest, found.longest)
    return outlined(figure, found.place, shape, (len(found.rows), len(found.columns)))


def all_tiles(
    scene: Scene, a: np.ndarray | Sequence[np.ndarray], words: Words, says: str, looks: list[list[str]] | None = None
) -> dict[str, Any]:
    """The figure of every head of every layer, a [layer, head, row, column] and `says` its text alternative; `looks`
    names what each looks at. None is chosen."""
    found = stacks.looks(scene)
    return tiles(
        [*map(squared, a)],
        ablated=found.ablated,
        layer_title=words("axis.layer"),
        head_title=words("axis.head"),
        layer_prefix="",
        head_prefix="",
        hover=hover(words),
        hover_tile=words("heads.place"),
        tokens=all_named(found.rows, words),
        keys=all_named(found.columns, words),
        looks=looks,
        filled=a[0].shape[1:],
        height=overview_height(scene),
        alt=says,
    )


def hover(words: Words) -> str:
    """What a cell of a tile tells: its head, who looks at whom, and how much."""
    cell = words("hover.cell").replace("{row}", "{query}").replace("{column}", "{key}")
    return f"{words('heads.place')}<br>{cell}"


def overview_height(scene: Scene) -> int:
    """Pixels for square tiles, as large as the column and the screen allow."""
    config = stacks.looks(scene).config
    rows, columns = grid((config.n_layers, config.n_heads))
    return 62 + rows * min(240, (WIDE - 70) // columns, 560 // rows)


def strongest(scene: Scene, a: np.ndarray | Sequence[np.ndarray], words: Words) -> str:
    """The strongest look of any head at another token, in words: all looks that are as strong.

    a: [layer, head, row, column], the Scene's patterns, or what a map shows of them.
    """
    found, n_layers, (n_heads, n, n_keys) = stacks.looks(scene), len(a), a[0].shape
    lost = stacks.lost(scene)
    gone = words("heads.says.lost", layer=int(lost.argmax())) if lost.any() else ""
    if n == 1 and not found.crosses:
        return gone or words("heads.says.alone", n=n_layers * n_heads)
    one = n_layers * n_heads == 1
    about = {"layers": n_layers, "heads": n_heads, "n": n_layers * n_heads, "tokens": n}
    across = "_across" if found.crosses else ""
    about |= {"keys": n_keys} if across else {}
    says = words(f"heads.says.{'one' if one else 'all'}{across}", **about)
    others = found.seen if across else found.seen & ~np.eye(n, dtype=bool)
    where = (others & ~of_layer for of_layer in lost)
    most = greatest_of_parts([*a], words.number, where, floor=0.0)
    if most is None:
        return f"{says} {gone}"
    cells = [_cell(found, place, one, words) for place in most.places[: FEW + 1]]
    which = "alike" if most.everywhere and len(most.places) > 1 else "many" if len(most.places) > FEW else "strongest"
    says += " " + words(
        f"heads.says.{which}{across}",
        cells=some(cells, words) if which == "strongest" else cells[0],
        n=len(most.places),
        weight=most.value,
        shown=left_out.hides(scene),
    )
    return f"{says} {gone}".strip()


def _cell(found: stacks.Looks, place: tuple[int, ...], one: bool, words: Words) -> str:
    """Who looks at whom, and in which head where there are several."""
    layer, head, query, key = place
    names = {"query": token_name(found.rows, query, words), "key": token_name(found.columns, key, words)}
    return words(f"heads.says.{'cell' if one else 'cell_in'}", **names, place=head_names([(layer, head)], words))


@picture("layer", "head", "without_first", "rows_renormalized", "attention_of")
def chosen(scene: Scene, words: Words) -> Picture:
    """The chosen head, enlarged."""
    found = stacks.looks(scene)
    a = at_head(compute.run(scene), scene, "pattern")
    key = "chosen_lost" if not np.isfinite(a).all() else "chosen_across" if found.crosses else "chosen"
    says = words(
        f"heads.says.{key}",
        place=capital(head_names([found.place], words)),
        entropy=float(entropy(a).mean()),
        most=_most_bits(scene),
        distance=float(attention_distance(a).mean()),
        unit=unit(scene),
        shown=left_out.hides(scene),
    )
    if named := look(scene, found.place, words):
        says += " " + words("heads.says.looks", looks=named)
    if found.place in found.ablated:
        says += " " + words("heads.says.chosen_off")
    told, a = left_out.told_of_rows(a, scene, words), left_out.on_map(a, scene)
    says += told + enlarging(len(a), words)
    size: dict[str, Any] = {"square": False, "width": NARROW, "height": chosen_height(scene)}
    numbers = cells(left_out.weights_name(found.name("pattern"), scene), (found.place[1], ROW, COLUMN), a.shape)
    return Picture(looks_map(a, found.rows, words, says, found.columns, **size), says, numbers)


def chosen_height(scene: Scene) -> int:
    """Pixels of the enlarged head: more for a longer sentence, and for long words above the columns."""
    found = stacks.looks(scene)
    more = 0 if found.longest <= 8 else 60 if found.longest <= 16 else 130
    return 230 + label_width(list(found.columns)) + more


# ------------------------------------------------------------------------------------------- how spread, how far


@memory.kept(lambda scene: (scene.computed, scene.attention_of), large=compute.is_large)
def _means_of_rows(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """[layer, head] twice: the entropy in bits, and the distance in tokens."""
    each = [(entropy(a).mean(-1), attention_distance(a).mean(-1)) for a in some_layers(scene)]
    bits, far = (np.concatenate(one) for one in zip(*each, strict=True))
    return bits, far


@picture("layer", "head", "attention_of")
def entropies(scene: Scene, words: Words) -> Picture:
    """Bits of each head, the mean of its rows, on a scale up to a head that looks at all alike."""
    bits, _ = _means_of_rows(scene)
    most = _most_bits(scene)
    says = _extremes(bits, "entropy", words, most=most)
    return Picture(_per_head(bits, scene, words, most, says), says, _means(scene, "mean_entropy", bits))


@picture("layer", "head", "attention_of")
def distances(scene: Scene, words: Words) -> Picture:
    """How many tokens away each head looks, the mean of its rows; of cross-attention no page asks it."""
    _, far = _means_of_rows(scene)
    alike = _alike_distance(scene)
    says = _extremes(far, "distance", words, alike=alike)
    most = max(alike, float(far.max(initial=0, where=np.isfinite(far))))
    return Picture(_per_head(far, scene, words, most, says), says, _means(scene, "mean_distance", far))


def _means(scene: Scene, kind: str, values: np.ndarray) -> Cells:
    """Which numbers the cells [layer, head] are, the means over the rows of each head."""
    return by_layer(f"{kind}.{stacks.looks(scene).name('pattern', '{}')}", values.shape)


def measures_height(scene: Scene) -> int:
    """Pixels of a map with a cell a head."""
    n = stacks.looks(scene).config.n_layers
    return 76 + max(54, n * (24 if n <= 6 else 19))


def _per_head(values: np.ndarray, scene: Scene, words: Words, zmax: float, says: str) -> dict:
    return heatmap(
        values,
        [str(layer) for layer in range(len(values))],
        **head_axes(words),
        scale="probability",
        comma=words.comma,
        zmax=zmax,
        chosen=stacks.looks(scene).place,
        hover=words("heads.place").replace("{layer}", "{row}").replace("{head}", "{column}") + ": {value}",
        width=HALF,
        height=measures_height(scene),
        alt=says,
    )


def _extremes(values: np.ndarray, measure: str, words: Words, **scale: float) -> str:
    """The heads with the least and the greatest value."""
    if not np.isfinite(values).any():
        return words("heads.says.nothing")
    low, high = least(values, words.number), greatest(values, words.number)
    if high.everywhere:
        which = "one" if values.size == 1 else "alike"
        says = words(f"heads.says.{measure}_{which}", value=high.value, n=len(high.places), **scale)
    else:
        says = words(
            f"heads.says.{measure}",
            least=head_names(low.places, words),
            greatest=head_names(high.places, words),
            low=low.value,
            high=high.value,
            **scale,
        )
    lost = ~np.isfinite(values).all(-1)
    return f"{says} {words('heads.says.lost', layer=int(lost.argmax()))}" if lost.any() else says


def _most_bits(scene: Scene) -> float:
    """The mean entropy of rows that look at all they may see alike."""
    found = stacks.looks(scene)
    n = len(found.columns)
    return float(np.log2(np.arange(1, n + 1)).mean() if found.causal else np.log2(n))


def _alike_distance(scene: Scene) -> float:
    """The mean distance of rows that look at all they may see alike."""
    seen = stacks.looks(scene).seen
    return float(attention_distance(seen / seen.sum(1, keepdims=True)).mean())


# ------------------------------------------------------------------------------------------------------ what grows


@picture("attention_of")
def lengths(scene: Scene, words: Words) -> Picture:
    """The tokens' mean norm as they enter, and after every layer."""
    return lengths_within(scene, words, 800, GROWTH_HEIGHT)
