"""All heads at once: the tiles, one enlarged, how spread and how far each looks, what one is worth, and what grows."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from core import Run, Scene
from core.interpret import attention_distance, entropy, relative_change, residual_stages, token_norms
from core.trace import Trace
from pictures import compute
from pictures.compute import Picture, picture
from pictures.extremes import (
    FEW,
    greatest,
    greatest_if_any,
    head_names,
    least,
    percent,
    some,
    token_name,
    token_names,
    unit,
)
from pictures.labels import look, looks, patterns
from pictures.numbers import COLUMN, ROW, Tiles, cells
from pictures.squares import looks_map
from pictures.words import Words
from plots.figure import label_width
from plots.heatmap import heatmap
from plots.magnitudes import magnitudes
from plots.tiles import grid, tiles
from plots.token_shares import labels_height, token_shares

WIDE, HALF, NARROW = 600, 290, 390  # px: the left column, half of it, and the right column, at 1440


@picture("layer", "head")
def overview(scene: Scene, words: Words) -> Picture:
    """Every head of every layer."""
    run = compute.run(scene)
    says = strongest(run, words)
    return Picture(all_tiles(scene, words, says, looks(scene, words)), says, Tiles(patterns(run).shape))


def all_tiles(scene: Scene, words: Words, says: str, looks: list[list[str]] | None = None) -> dict[str, Any]:
    """The figure of every head of every layer, `says` its text alternative; `looks` names what each looks at."""
    run = compute.run(scene)
    return tiles(
        patterns(run),
        chosen=scene.place,
        ablated=frozenset(scene.ablated),
        layer_title=words("axis.layer"),
        head_title=words("axis.head"),
        layer_prefix="",
        head_prefix="",
        hover=hover(words),
        hover_tile=words("heads.place"),
        tokens=list(run.tokens),
        looks=looks,
        height=overview_height(scene),
        alt=says,
    )


def hover(words: Words) -> str:
    """What a cell of a tile tells: its head, who looks at whom, and how much."""
    cell = words("hover.cell").replace("{row}", "{query}").replace("{column}", "{key}")
    return f"{words('heads.place')}<br>{cell}"


def overview_height(scene: Scene) -> int:
    """Pixels for square tiles, as large as the column and the screen allow."""
    rows, columns = grid((scene.config.n_layers, scene.config.n_heads))
    return 62 + rows * min(240, (WIDE - 70) // columns, 560 // rows)


def strongest(run: Run, words: Words) -> str:
    """The strongest look of any head at another token, in words: all looks that are as strong."""
    a = patterns(run)
    n_layers, n_heads, n, _ = a.shape
    lost = ~np.isfinite(a).all((1, 2, 3))
    gone = words("heads.says.lost", layer=int(lost.argmax())) if lost.any() else ""
    if n == 1:
        return gone or words("heads.says.alone", n=n_layers * n_heads)
    one = n_layers * n_heads == 1
    about = {"layers": n_layers, "heads": n_heads, "n": n_layers * n_heads, "tokens": n}
    says = words("heads.says.one" if one else "heads.says.all", **about)
    others = ~np.eye(n, dtype=bool) & (np.tri(n, dtype=bool) if run.config.causal else True)
    most = greatest_if_any(a, words.number, others & ~lost[:, None, None, None])
    if most is None:
        return f"{says} {gone}"
    cells = [_cell(run, place, one, words) for place in most.places[: FEW + 1]]
    which = "alike" if most.everywhere and len(most.places) > 1 else "many" if len(most.places) > FEW else "strongest"
    says += " " + words(
        f"heads.says.{which}",
        cells=some(cells, words) if which == "strongest" else cells[0],
        n=len(most.places),
        weight=most.value,
    )
    return f"{says} {gone}".strip()


def _cell(run: Run, place: tuple[int, ...], one: bool, words: Words) -> str:
    """Who looks at whom, and in which head where there are several."""
    layer, head, query, key = place
    names = {"query": token_name(run.tokens, query, words), "key": token_name(run.tokens, key, words)}
    return words(f"heads.says.{'cell' if one else 'cell_in'}", **names, place=_place(layer, head, words))


@picture("layer", "head")
def chosen(scene: Scene, words: Words) -> Picture:
    """The chosen head, enlarged."""
    run = compute.run(scene)
    layer, head = scene.place
    a = patterns(run)[layer, head]
    says = words(
        "heads.says.chosen" if np.isfinite(a).all() else "heads.says.chosen_lost",
        place=_capital(_place(layer, head, words)),
        entropy=float(entropy(a).mean()),
        most=_most_bits(scene),
        distance=float(attention_distance(a).mean()),
        unit=unit(scene),
    )
    if named := look(scene, scene.place, words):
        says += " " + words("heads.says.looks", looks=named)
    if scene.place in scene.ablated:
        says += " " + words("heads.says.chosen_off")
    size = {"square": False, "width": NARROW, "height": chosen_height(scene)}
    numbers = cells(f"blocks.{layer}.attn.pattern", (head, ROW, COLUMN), a.shape)
    return Picture(looks_map(a, list(run.tokens), words, says, **size), says, numbers)


def chosen_height(scene: Scene) -> int:
    """Pixels of the enlarged head: more for a longer sentence, and for long words above the columns."""
    n = len(scene.tokens)
    return 230 + label_width(list(scene.tokens)) + (0 if n <= 8 else 60 if n <= 16 else 130)


# ------------------------------------------------------------------------------------------- how spread, how far


@picture("layer", "head")
def entropies(scene: Scene, words: Words) -> Picture:
    """Bits of each head, the mean of its rows, on a scale up to a head that looks at all alike."""
    bits = entropy(patterns(compute.run(scene))).mean(-1)
    most = _most_bits(scene)
    says = _extremes(bits, "entropy", words, most=most)
    return Picture(_per_head(bits, scene, words, most, says), says)


@picture("layer", "head")
def distances(scene: Scene, words: Words) -> Picture:
    """How many tokens away each head looks, the mean of its rows."""
    far = attention_distance(patterns(compute.run(scene))).mean(-1)
    alike = _alike_distance(scene)
    says = _extremes(far, "distance", words, alike=alike)
    return Picture(
        _per_head(far, scene, words, max(alike, float(far.max(initial=0, where=np.isfinite(far)))), says), says
    )


def measures_height(scene: Scene) -> int:
    """Pixels of a map with a cell a head."""
    n = scene.config.n_layers
    return 76 + max(54, n * (24 if n <= 6 else 19))


def _per_head(values: np.ndarray, scene: Scene, words: Words, zmax: float, says: str) -> dict:
    return heatmap(
        values,
        [str(layer) for layer in range(len(values))],
        row_title=words("axis.layer"),
        column_title=words("axis.head"),
        row_role="@muted",
        column_role="@muted",
        scale="probability",
        comma=words.comma,
        zmax=zmax,
        chosen=scene.place,
        hover=words("heads.place").replace("{layer}", "{row}").replace("{head}", "{column}") + ": {value}",
        square=False,
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
    n = len(scene.tokens)
    return float(np.log2(np.arange(1, n + 1)).mean() if scene.config.causal else np.log2(n))


def _alike_distance(scene: Scene) -> float:
    """The mean distance of rows that look at all they may see alike."""
    n = len(scene.tokens)
    seen = np.tri(n) if scene.config.causal else np.ones((n, n))
    return float(attention_distance(seen / seen.sum(-1, keepdims=True)).mean())


# ------------------------------------------------------------------------------------------------- what one is worth


@picture("layer", "head")
def effect(scene: Scene, words: Words) -> Picture:
    """How much each token's output changes without the ablated heads; where none is ablated, without the chosen one."""
    off = scene.ablated or (scene.place,)
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    # In float64: the lengths of vectors past 1e19 leave float32.
    before, after = (compute.run(scene.turn(ablated=heads)).trace[last].astype(np.float64) for heads in ((), off))
    change = np.where(np.isfinite(before + after).all(-1), relative_change(before, after), np.nan)
    left = "already" if not before.any() and not after.any() else "nothing" if not after.any() else ""
    says = _change(change, left, scene, words)
    figure = token_shares(
        change,
        list(scene.tokens),
        faint=not scene.ablated,
        value_title=words("heads.change"),
        hover=words("heads.hover_change"),
        width=NARROW,
        height=effect_height(scene),
        alt=says,
    )
    return Picture(figure, says)


def effect_height(scene: Scene) -> int:
    """Pixels of the bars and the labels under them."""
    return 150 + labels_height(list(scene.tokens), NARROW)


def _change(change: np.ndarray, left: str, scene: Scene, words: Words) -> str:
    """`left`: "nothing" where the output is 0 without the heads, "already" where it is with them too, else ""."""
    if np.isnan(change).any():
        return words("heads.says.change_lost")
    if np.isinf(change).any():
        return words("heads.says.change_zero", token=token_name(scene.tokens, int(change.argmax()), words))
    off = scene.ablated or (scene.place,)
    most, fewest = greatest(change, percent(words)), least(change, percent(words))
    how = f"_{left}" if left else "_alike" if most.everywhere else ""
    return words(
        f"heads.says.{'off' if scene.ablated else 'would'}{how}",
        heads=head_names(off, words, "heads.the") if len(off) <= FEW else words("heads.many", n=len(off)),
        mean=float(change.mean()),
        high=most.value,
        low=fewest.value,
        most=token_names(scene.tokens, most.indices, words),
        least=token_names(scene.tokens, fewest.indices, words),
    )


# ------------------------------------------------------------------------------------------------------ what grows


@picture()
def lengths(scene: Scene, words: Words) -> Picture:
    """The tokens' mean norm as they enter, and after every layer."""
    return lengths_within(scene, words, 800, GROWTH_HEIGHT)


def lengths_within(scene: Scene, words: Words, width: int, height: int) -> Picture:
    run = compute.run(scene)
    return lengths_of(run.trace, run.config.n_layers, words, width, height)


def lengths_of(trace: Trace, n: int, words: Words, width: int, height: int) -> Picture:
    """Of a stack of n layers: the tokens' mean length as they enter, and after every layer."""
    norms = token_norms(residual_stages(trace, n))
    says = _growth(norms, words)
    figure = magnitudes(
        norms,
        [words("heads.enter"), *map(str, range(n))],
        [magnitude(x, words) for x in norms.tolist()],
        stage_title=words("heads.stage"),
        value_title=words("heads.length") if width > NARROW else "",
        width=width,
        height=height,
        alt=says,
    )
    return Picture(figure, says)


GROWTH_HEIGHT = 250  # px


def _growth(norms: np.ndarray, words: Words) -> str:
    n, good = len(norms) - 1, np.isfinite(norms)
    start, end = float(norms[0]), float(norms[good][-1])
    key = "growth_lost" if not good.all() else "growth_zero" if not start else "growth_one" if n == 1 else "growth"
    return words(
        f"heads.says.{key}",
        start=magnitude(start, words),
        end=magnitude(end, words),
        factor=magnitude(end / start, words) if start else "",
        n=n,
        layer=int(good.argmin()) - 1,
        limit=magnitude(float(np.finfo(np.float32).max), words),
    )


def magnitude(x: float, words: Words) -> str:
    """A number of any size: 12.34, or 1.2 × 10³⁴; nothing of one that is none any more."""
    return words.scaled(x) if isfinite(x) else ""


# ---------------------------------------------------------------------------------------------------------- shared


def _place(layer: int, head: int, words: Words) -> str:
    return words("heads.place", layer=int(layer), head=int(head))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
