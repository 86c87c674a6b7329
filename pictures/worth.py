"""What heads are worth: how far each token's output moves without those that are off, or without the chosen one."""

from __future__ import annotations

import numpy as np

import core
from core import Scene
from core.interpret import relative_change, without_heads
from core.scene.fields import Numbered
from pictures import ablation, compute, memory, stacks
from pictures.compute import Picture, picture
from pictures.display_names import all_named
from pictures.explained import runs
from pictures.extremes import FEW, greatest, head_names, least, percent, token_name, token_names
from pictures.numbers import Bars
from pictures.words import Words
from plots.token_shares import labels_height, token_shares

WIDTH = 390  # px: the right column, at 1440


@picture("layer", "head", "attention_of")
def effect(scene: Scene, words: Words) -> Picture:
    """How much each token's output changes without the ablated heads; where none is ablated, without the chosen one."""
    # In float64: the lengths of vectors past 1e19 leave float32.
    before, after = (x.astype(np.float64) for x in outputs(scene))
    change = np.where(np.isfinite(before + after).all(-1), relative_change(before, after), np.nan)
    left = "already" if not before.any() and not after.any() else "nothing" if not after.any() else ""
    says = _change(change, left, scene, words)
    figure = token_shares(
        change,
        all_named(_leaving(scene), words),
        faint=not stacks.looks(scene).ablated,
        value_title=words("heads.change"),
        hover=words("heads.hover_change"),
        width=WIDTH,
        height=height(scene),
        alt=says,
    )
    return Picture(figure, says, _lost(scene, len(change)))


def parts(scene: Scene) -> list[tuple[Scene]]:
    """What `outputs` is asked, in one part."""
    view = ("attention_of",) if stacks.looks(scene).kind else ()
    return [(compute.looked_at(scene, view if stacks.looks(scene).ablated else ("layer", "head", *view)),)]


def known(scene: Scene) -> bool:
    """Whether `outputs` is kept of this Scene; of two stacks that is not told."""
    found = stacks.looks(scene)
    if found.kind:
        return False
    if found.ablated:
        return _last.has(scene.turn(ablated=()).computed)
    return _without.has(scene.computed, *found.place)


def cost(scene: Scene) -> float:
    """The multiplications that it takes."""
    found = stacks.looks(scene)
    layers = found.config.n_layers if found.ablated else found.config.n_layers - found.place[0]
    return ablation.again(scene, 1, layers)


def outputs(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """[pos, d_model] twice: what leaves the last layer with all heads, and without those whose worth is told."""
    return _output(scene, ()), _output(scene, _switched(scene))


def _lost(scene: Scene, n: int) -> Bars:
    """Each bar is explained by the run that it is compared with."""
    found = stacks.looks(scene)
    names: list[Numbered]
    if found.ablated:
        names = [(f"lost.blocks.{scene.config.n_layers - 1}.resid_post", (token,)) for token in range(n)]
    else:
        kind = "reached" if found.kind == "encoder" else "change"
        names = [(f"{kind}.{found.name('z')}", (found.place[1], token)) for token in range(n)]
    return Bars(tuple(names), upright=True)


def _switched(scene: Scene) -> tuple[tuple[int, int], ...]:
    """The heads whose worth is told: those of the attention that is shown that are off, or else the chosen one."""
    found = stacks.looks(scene)
    return tuple(sorted(found.ablated)) or (found.place,)


def _output(scene: Scene, heads: tuple[tuple[int, int], ...]) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer when of the attention that is shown these heads are off. A decoder
    reads all the while what it reads in this Scene. Of heads that are on what was put into the run stays as it is, as
    for core.interpret.head_effects; those that are off are off in the run too that it was taken from."""
    found, last = stacks.looks(scene), f"blocks.{scene.config.n_layers - 1}.resid_post"
    if {*heads} == found.ablated:
        return compute.run(scene).trace[last]
    if found.ablated:
        return runs.all_on(scene).trace[last] if found.kind else _last(scene.turn(ablated=heads).computed)
    if found.kind:
        return runs.emptied(scene, runs.without(found.name("z"), found.place[1]))[last]
    return _without(scene.computed, *found.place)


# Of a long text a second run, kept whole, would take the room of the first, which all figures read.
@memory.kept(lambda scene: (scene,), large=compute.is_large)
def _last(scene: Scene) -> np.ndarray:
    """[pos, d_model]: what leaves the last layer."""
    last = f"blocks.{scene.config.n_layers - 1}.resid_post"
    return core.run(scene, compute.params(scene), names=[last]).trace[last]


@memory.kept(lambda scene, layer, head: (scene, layer, head), large=lambda scene, _, __: compute.is_large(scene))
def _without(scene: Scene, layer: int, head: int) -> np.ndarray:
    """The same without one head: what stands above it is computed again."""
    params, config, trace, kind = stacks.asked(scene)
    return without_heads(params, config, trace, layer, kind, [head])[0]


def _leaving(scene: Scene) -> tuple[str, ...]:
    """The tokens whose output that is: of two stacks, the words that are written."""
    return scene.tokens if stacks.count(scene) == 1 else stacks.written(scene)


def height(scene: Scene) -> int:
    """Pixels of the bars and the labels under them."""
    return 150 + labels_height(list(_leaving(scene)), WIDTH)


def _change(change: np.ndarray, left: str, scene: Scene, words: Words) -> str:
    """`left`: "nothing" where the output is 0 without the heads, "already" where it is with them too, else ""."""
    if np.isnan(change).any():
        return words("heads.says.change_lost")
    if np.isinf(change).any():
        return words("heads.says.change_zero", token=token_name(_leaving(scene), int(change.argmax()), words))
    off, kind = _switched(scene), stacks.looks(scene).kind
    most, fewest = greatest(change, percent(words)), least(change, percent(words))
    how = f"_{left}" if left else "_alike" if most.everywhere else ""
    return words(
        f"heads.says.{'off' if stacks.looks(scene).ablated else 'would'}{how}",
        heads=head_names(off, words, "heads.the") if len(off) <= FEW else words("heads.many", n=len(off), kind=kind),
        alone=len(change) == 1,
        mean=float(change.mean()),
        high=most.value,
        low=fewest.value,
        most=token_names(_leaving(scene), most.indices, words),
        least=token_names(_leaving(scene), fewest.indices, words),
    )
