"""What heads do: the patterns that have a name, and what is lost without a head."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.interpret import LABELS, SPREAD, followable, induction_score
from core.scene.fields import Numbered
from pictures import ablation, compute, left_out, stacks
from pictures.compute import Picture, picture
from pictures.extremes import Extreme, greatest, head_names, least, percent, token_name, unit
from pictures.labels import each_head, label_of, labels_of, probe_of, scores_of
from pictures.numbers import Bars, Each, by_layer
from pictures.one_head import at_head
from pictures.squares import head_axes
from pictures.words import Words, capital
from plots.head_map import head_map
from plots.heatmap import heatmap
from plots.token_shares import token_shares

WIDTH, MOST = 330, 354  # px: a picture where three share a line; the bars of a head's scores at most
SIGNS: dict[str | None, str] = {
    "previous": "←",
    "first": "⇤",
    "itself": "•",
    "same": "≡",
    "induction": "↻",
    "uniform": "≈",
}
SIGNS |= {"seeming": "↻?", None: ""}  # what an induction head does, in this sentence only; no name


# --------------------------------------------------------------------------------------------- patterns with a name


@picture("layer", "head", "without_first", "attention_of")
def labels(scene: Scene, words: Words) -> Picture:
    """Every head's label, over the score that earned it; for a head without one, over its greatest.

    Of looks within one text: no page asks this, or `scores`, of cross-attention.
    """
    found = labels_of(scene)
    shown = np.zeros(found.shape)
    scores, probed = scores_of(scene), probe_of(scene)
    for place, mine in each_head(scores):
        shown[place] = _earned(found.item(place), mine, probed.item(place))
    says = _labelled(scene, found, words) + left_out.told_of_looks(scene, words, "shares")
    figure = head_map(
        shown,
        [[SIGNS[label] for label in row] for row in found],
        **per_head(scene, words),
        hover=f"{words('heads.place').replace('{layer}', '{row}').replace('{head}', '{column}')}: {{value}}",
        alt=says,
    )
    return Picture(figure, says, _earning(scene, found, scores))


def _earning(scene: Scene, found: np.ndarray, scores: dict[str, np.ndarray]) -> Each:
    """The score in each cell, as a number of the run, or of those of the probe."""
    looked = stacks.looks(scene)
    arrays = [looked.name("pattern", layer) for layer in range(len(found))]
    others = [name for name in LABELS if name != "uniform"]
    numbers: list[list[Numbered]] = [[] for _ in arrays]
    for (layer, head), mine in each_head(scores):
        label = found[layer, head]
        name = max(others, key=mine.__getitem__) if label is None else "induction" if label == "seeming" else label
        of = f"probe.{arrays[layer]}" if label == "induction" else f"score_{name}.{arrays[layer]}"
        numbers[layer].append((of, (head,)))
    return Each(tuple(map(tuple, numbers)))


def _earned(label: str | None, mine: dict[str, float], probed: float) -> float:
    """What earned a head its name: the probe's score for induction, else the sentence's; without a name, its best."""
    if label == "induction":
        return float(probed)
    best = max(score for name, score in mine.items() if name != "uniform")
    return best if label is None else mine["induction" if label == "seeming" else label]


def _labelled(scene: Scene, found: np.ndarray, words: Words) -> str:
    counts = [(label, int((found == label).sum())) for label in SIGNS if label]
    parts = [words(f"reading.counts.{label}", n=n, unit=unit(scene)) for label, n in counts if n]
    lost = stacks.lost(scene)
    if lost.all():
        return words("reading.says.lost")
    key = "labels" if parts else "labels_none" if _scored(scene) else "labels_few"
    says = words(f"reading.says.{key}", n=found.size, parts=words.several(parts) if parts else "", unit=unit(scene))
    return f"{says} {words('reading.says.labels_lost', layer=int(lost.argmax()))}" if lost.any() else says


@picture("layer", "head", "without_first", "attention_of")
def scores(scene: Scene, words: Words) -> Picture:
    """How far the chosen head follows each pattern that has a name."""
    place = stacks.looks(scene).place
    mine = {name: float(score[place]) for name, score in scores_of(scene).items()}
    says = _says_scores(scene, place, mine, words) + left_out.told_of_looks(scene, words, "shares")
    figure = token_shares(
        np.array([mine[name] for name in LABELS]),
        [f"{SIGNS[name]} {words(f'reading.names.{name}')}" for name in LABELS],
        role="@attention",
        hover="{token}: {value}",
        width=WIDTH,
        height=scores_height(scene),
        alt=says,
    )
    return Picture(figure, says, _numbers(scene))


def scores_height(scene: Scene) -> int:
    """Pixels of those bars: as high as the maps beside them, but not of thirty layers."""
    return min(map_height(scene), MOST)


def _numbers(scene: Scene) -> Bars:
    """Each score is explained over the pattern, or what is shown of it."""
    found = stacks.looks(scene)
    head = (found.place[1],)
    return Bars(tuple((f"score_{name}.{found.name('pattern')}", head) for name in LABELS), upright=True)


def _says_scores(scene: Scene, place: tuple[int, int], mine: dict[str, float], words: Words) -> str:
    pattern = at_head(compute.run(scene), scene, "pattern")
    if not np.isfinite(pattern).all():
        return words("reading.says.lost")
    label, probe = label_of(scene, place), float(probe_of(scene)[place])
    score = _earned(label, mine, probe)
    values = {"place": capital(head_names([place], words)), "score": score, "unit": unit(scene)}
    if label in ("induction", "seeming"):
        tried = "" if label == "induction" or np.isfinite(probe) else "_untried"
        _, ids = np.unique(stacks.looks(scene).rows, return_inverse=True)
        here = score if label == "seeming" else float(induction_score(pattern[None], ids)[0])
        about = {"probe": probe, "here": here, "repeated": bool(np.isfinite(here))}
        return words(f"reading.label.{label}{tried}", **values, **about)
    if label is None and not _scored(scene):
        return words("reading.label.few", place=values["place"], unit=values["unit"])
    says = words(f"reading.label.{label or 'none'}", **values, apart=1 - score)
    if label is None and mine["uniform"] > score:  # the longest bar, and yet no name
        says += " " + words("reading.label.not_uniform", most=1 - SPREAD)
    return says


def _scored(scene: Scene) -> bool:
    """Whether there are tokens enough to follow any pattern at all; else every score is 0."""
    found, n = stacks.looks(scene), int(left_out.kept(scene).sum())
    return bool(followable(found.rows if found.kind else range(n), found.causal))


# ------------------------------------------------------------------------------------------------ what would be lost


@picture("layer", "head", "query", "attention_of")
def effects(scene: Scene, words: Words) -> Picture:
    """What the output would lose without each head, the mean over the words.

    Of a model of two stacks: what leaves the stack whose heads they are.
    """
    found = stacks.looks(scene)
    lost = np.stack([layer.moved for layer in ablation.of_all(scene)])
    says = _says_effects(scene, lost, words)
    if found.kind:
        says += " " + words(f"reading.says.effects_of_{found.kind}")
    mean = lost.mean(-1)
    figure = heatmap(
        np.where(np.isfinite(mean), 100 * mean, np.nan),
        [str(layer) for layer in range(len(mean))],
        scale="probability",
        zmax=max(1.0, float(100 * mean[np.isfinite(mean)].max(initial=0.0))),  # of less, each cell reads 0 or 1
        decimals=0,
        **per_head(scene, words),
        width=WIDTH,
        comma=words.comma,
        hover=words("reading.hover_effect"),
        alt=says,
    )
    return Picture(figure, says, by_layer(f"effect.{found.name('z', '{}')}", mean.shape))


def _says_effects(scene: Scene, lost: np.ndarray, words: Words) -> str:
    """lost: [layer, head, pos]."""
    found = stacks.looks(scene)
    row = found.cell[0]
    if not np.isfinite(lost).all():
        return words("reading.says.effects_zero" if np.isfinite(leaving(scene)).all() else "reading.says.lost")
    works = np.ones(lost.shape[:2], bool)
    for place in found.ablated:
        works[place] = False
    if not works.any():
        return words("reading.says.effects_off")

    def named(extreme: Extreme) -> str:
        return head_names(extreme.places, words)

    shown, token = percent(words), token_name(found.rows, row, words)
    most, fewest = greatest(lost.mean(-1), shown, works), least(lost.mean(-1), shown, works)
    own = greatest(lost[..., row], shown, works)
    if works.size == 1:
        return words("reading.says.effects_one", high=most.value, token=token, own_high=own.value)
    alike = "effects_alike" if len(most.places) > 1 else "effects_left"
    key = alike if most.everywhere else "effects"
    says = words(
        f"reading.says.{key}",
        **{"most": named(most), "high": most.value, "n": len(most.places)},
        **{"least": named(fewest), "low": fewest.value},
    )
    if key == "effects":
        which = "own_alike" if own.everywhere else "own"
        values = {"token": token, "own": named(own), "own_high": own.value}
        says += " " + words(f"reading.says.effects_{which}", **values)
    if not works.all():
        says += " " + words("reading.says.effects_without_off", n=int((~works).sum()))
    return says


def leaving(scene: Scene) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer of the stack that looks."""
    found = stacks.looks(scene)
    return compute.run(scene).trace[found.block(found.config.n_layers - 1) + "resid_post"]


def per_head(scene: Scene, words: Words) -> dict:
    """What all maps of layers by heads have in common."""
    found = stacks.looks(scene)
    return {
        "columns": [str(head) for head in range(found.config.n_heads)],
        "chosen": found.place,
        "colorbar": False,
        "height": map_height(scene),
        **head_axes(words),
    }


def map_height(scene: Scene) -> int:
    """Pixels of the maps of layers by heads."""
    return 90 + max(130, stacks.looks(scene).config.n_layers * 22)
