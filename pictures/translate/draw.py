"""The next word of a translation, as the decoder sees it; and the search that looks at several at once."""

from __future__ import annotations

import numpy as np

from core import Scene
from core.generate.beam import Beam, BeamStep
from pictures.compute import Picture, picture
from pictures.continuation import names
from pictures.generate.draw import candidates, share
from pictures.numbers import Bars, Points
from pictures.translate import text as texts
from pictures.translate.search import place_of, search
from pictures.words import Words
from plots import next_token
from plots.beam_tree import Node, beam_tree
from plots.tokens import edged

RING = (0.02, 0.25)  # half the width and height of a text's outline in the tree


@picture(*texts.KNOBS, "words_translated")
def choices(scene: Scene, words: Words) -> Picture:
    """The likeliest words at this place, and the one that stands there."""
    scene = texts.two_stacks(scene)
    text = texts.text_of(scene)
    step, name = texts.looked_at(scene, text), names(scene, words)
    d, ids = step.distribution, candidates(step)
    named = {"token": words("quoted", token=edged(name(step.token))), "share": share(step.probability, words)}
    _, ties = d.rank(int(d.order[0]))
    if step.forced:
        own = int(d.order[0])
        own_share = share(float(d.plain[own]), words)
        says = words("translate.says.forced", **named, own=words("quoted", token=edged(name(own))), own_share=own_share)
    else:
        says = words("translate.says.likeliest" if ties == 1 else "translate.says.likeliest_tie", **named, n=ties)
    figure = next_token.candidates(
        [name(token) for token in ids],
        d.plain[ids],
        d.plain[ids],
        np.ones(len(ids), bool),
        [share(float(d.plain[token]), words) for token in ids],
        chosen=ids.index(step.token),
        role="@gradient" if step.forced else "@attention",
        hover=words("translate.choice_hover"),
        alt=says,
    )
    figure["layout"] |= {"showlegend": False}
    return Picture(figure, says, Bars(tuple(("draw.plain", (token,)) for token in ids)))


def height(scene: Scene) -> int:
    """Pixels of that figure."""
    step = texts.looked_at(scene, texts.text_of(scene))
    return next_token.ABOVE + 30 + next_token.ROW * len(candidates(step))


@picture("beam_width")
def beams(scene: Scene, words: Words) -> Picture:
    """Every text that was ever kept, as a tree from the first word down; the best one's way is lit."""
    scene = texts.two_stacks(scene)
    steps, name = search(scene), names(scene, words)
    best, says = steps[-1].kept[0], _says(scene, steps, words)
    way = {beam.tokens for beam in _line(best)}
    nodes = [
        Node(
            at=(len(beam.tokens), rank),
            parent=place_of(steps, beam.parent),
            token=name(beam.tokens[-1]),
            note=words.number(beam.score),
            hover=words(
                "translate.beam_hover",
                text=_joined(beam, scene, words),
                score=beam.score,
                share=share(float(np.exp(beam.log_probability)), words),
            ),
            lit=beam.tokens in way,
            done=beam.done,
        )
        for n, step in enumerate(steps, 1)
        for rank, beam in enumerate(step.kept)
        if len(beam.tokens) == n
    ]
    figure = beam_tree(nodes, start=scene.tokens[0], width=scene.beam_width, alt=says)
    places = tuple((float(rank), float(n)) for n, rank in (node.at for node in nodes))
    return Picture(figure, says, Points(tuple(("beam.logits", node.at) for node in nodes), places, RING))


def tree_height(scene: Scene) -> int:
    """Pixels of that figure."""
    return beam_tree([], start="", width=1, steps=len(search(scene)))["layout"]["height"]


def _line(beam: Beam) -> list[Beam]:
    """A text, and all that it continues."""
    found = [beam]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def _joined(beam: Beam, scene: Scene, words: Words) -> str:
    name = names(scene, words)
    return " ".join(edged(name(token)) for token in beam.tokens)


def _says(scene: Scene, steps: tuple[BeamStep, ...], words: Words) -> str:
    best = steps[-1].kept[0]
    about = {"text": _joined(best, scene, words), "share": share(float(np.exp(best.log_probability)), words)}
    says = [words("translate.says.beam", n=len(steps[-1].kept), **about)]
    greedy = texts.text_of(scene.turn(words_forced=()))
    if best.tokens == tuple(step.token for step in greedy.steps):
        says.append(words("translate.says.beam_greedy"))
    else:
        own = float(np.prod([step.probability for step in greedy.steps], dtype=np.float64))
        says.append(words("translate.says.beam_other", share=share(own, words)))
    return " ".join(says)
