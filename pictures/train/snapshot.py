"""The model at one step of its run: where one head looks, where the embeddings drifted to, what an example comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np

import core
from core.interpret import PCA, alignment_score, drift_lengths, pca
from core.ops.softmax import softmax
from core.scene.fields import EXPLAINED, Numbered
from core.tasks.translation import END
from pictures import extremes
from pictures.compute import Picture
from pictures.display_names import named
from pictures.drift import RING
from pictures.drift_said import size
from pictures.explained.runs import AT, at_step
from pictures.numbers import COLUMN, ROW, cells, points
from pictures.squares import looks_map
from pictures.train.curves import SQUARE
from pictures.train.view import View
from pictures.translate import text as texts
from pictures.translate.fibres import outline
from pictures.words import Words
from plots.drift import drift as drift_figure
from plots.heatmap import heatmap
from plots.tokens import shown

NO_LOOK = 0.005  # a weight that would be written as 0.00
NAMED = 24  # tokens whose embeddings are drawn: more would hide each other
STAGES = 12  # moments on an embedding's way


def attention(view: View, words: Words) -> Picture:
    """Where the chosen head looks in the example; of two stacks, across."""
    layer, head = view.place
    if view.source is not None:
        return _across(view, view.source, words)
    pattern = view.trace[f"blocks.{layer}.attn.pattern"][head]
    tokens = [named(token, words) for token in view.tokens]
    says = _strongest(pattern, tokens, words, layer=layer, head=head)
    size: dict[str, Any] = {"square": True, "width": 380, "height": SQUARE}
    numbers = cells(f"blocks.{layer}.attn.pattern", (head, ROW, COLUMN), pattern.shape)
    return Picture(looks_map(pattern, tokens, words, says, numbers=False, **size), says, numbers)


def _across(view: View, source: np.ndarray, words: Words) -> Picture:
    """Where the chosen head of the cross-attention looks while each word of the example is foretold; dotted, the words
    that it stems from."""
    (layer, head), task = view.place, view.run.task
    pattern = view.trace[f"blocks.{layer}.cross.pattern"][head]
    read, right = task.read(source), task.read(view.row[1])
    stems = _stems(read, right)
    if not np.isfinite(pattern).all():
        says = words("train.says.attention_lost", layer=layer, head=head)
    elif stems:
        share = float(alignment_score(pattern, stems))
        about = {"right": round(share * len(stems)), "n": len(stems)}
        says = words("train.says.across", layer=layer, head=head, **about)
    else:
        says = words("train.says.across_unknown", layer=layer, head=head)
    figure = heatmap(
        pattern,
        [named(token, words) for token in right],
        [named(token, words) for token in read],
        row_title=words("translate.axis.target"),
        column_title=words("translate.axis.source"),
        scale="probability",
        numbers=False,
        comma=words.comma,
        hover=words("hover.cell"),
        square=True,
        width=380,
        height=SQUARE,
        alt=says,
    )
    outline(figure, stems)
    return Picture(figure, says, cells(f"blocks.{layer}.cross.pattern", (head, ROW, COLUMN), pattern.shape))


def _stems(source: Sequence[str], target: Sequence[str]) -> dict[int, frozenset[int]]:
    """Of each word, where it stems from; none where this is not the grammar's own translation."""
    language, pair = texts.told(source) or ("", None)
    return texts.stems_of(pair, language) if pair and pair.words(language) == tuple(target) else {}


def embeddings(view: View, words: Words) -> Picture:
    """The tokens' embeddings from the first step to this one, in one basis for the whole run."""
    listed = ids(view)
    tokens = [named(view.run.task.vocabulary[i], words) for i in listed]
    moments = [m for m in view.run.moments if m <= view.step]
    chosen = sorted({moments[i] for i in np.linspace(0, len(moments) - 1, STAGES).astype(int)} | {view.step})
    ways = np.stack([view.run.at(m)[1]["embed.W_E"][listed] for m in chosen]).astype(np.float64)
    axes = basis(view, listed)
    says = _furthest(drift_lengths(ways[0], ways[-1]), tokens, words)
    figure = drift_figure(
        axes.project(ways),
        tokens,
        stage_names=[words("train.axis.at", n=chosen[0]), *(words("train.axis.at", n=m) for m in chosen[1:])],
        axis_titles=[words("drift.axis_short", i=i + 1, share=100 * float(axes.explained[i])) for i in range(2)],
        height=SQUARE,
        alt=says,
    )
    ends = ((at_step(AT, chosen[0]), figure["data"][-2]), ("", figure["data"][-1]))
    numbers = [(f"{start}learned.embed.W_E", (i, 0)) for start, _ in ends for i in listed.tolist()]
    x, y = (np.concatenate([trace[axis] for _, trace in ends]) for axis in "xy")
    half = RING * max(high - low for low, high in (figure["layout"][axis]["range"] for axis in ("xaxis", "yaxis")))
    return Picture(figure, says, replace(points(numbers, x, y, (half, half)), coordinate=True))


def ids(view: View) -> np.ndarray:
    """[token]: those whose embeddings are drawn: of the example first."""
    vocabulary = view.run.task.vocabulary
    listed = [*dict.fromkeys((*view.tokens, *vocabulary))][:NAMED]
    return np.array([vocabulary.index(token) for token in listed])


def basis(view: View, ids: np.ndarray) -> PCA:
    """Fixed while the run goes on, but for the steps 1, 2, 4, 8, ...: where the tokens stood at the first and then."""
    latest = 1 << max(view.run.step, 1).bit_length() - 1
    ends = [view.run.checkpoints.at(m)[1]["embed.W_E"][ids] for m in (0, latest)]
    return pca(np.concatenate(ends), k=2)


def example(view: View, words: Words) -> tuple[str, str]:
    """The example as HTML, each answered token on a ground as strong as its probability, wrong guesses beside it; and
    the sentence that says how it went."""
    read, targets, mask = view.row
    shares = softmax(view.trace["logits"].astype(np.float64))
    guesses = shares.argmax(-1)
    task = view.run.task
    names = [named(token, words) for token in task.vocabulary]
    cells = [_given(names[read[0]])]
    for place, target in enumerate(targets):
        wrong = names[guesses[place]] if guesses[place] != target else ""
        number = ("probability.logits", (place, int(target)))
        share = float(shares[place, target])
        cells.append(_answered(names[target], share, wrong, number) if mask[place] else _given(names[target]))
    right = int((guesses == targets)[mask].sum())
    mean = float(shares[np.arange(len(targets)), targets][mask].mean())
    if np.isfinite(mean):
        says = words("train.says.example", right=right, n=int(mask.sum()), mean=mean)
    else:
        says = words("train.says.lost", step=view.step)
    return f'<p class="fibra-example" aria-label="{escape(says)}">{"".join(cells)}</p>', says


def _given(token: str) -> str:
    """A token that nobody is asked for."""
    return f"<span>{escape(shown(token))}</span>"


def _answered(token: str, share: float, wrong: str, number: Numbered) -> str:
    """number: the probability; a click on the cell explains it."""
    written = escape(shown(token))
    guess = f"<sub>{escape(shown(wrong))}</sub>" if wrong else ""
    kind = "wrong" if wrong else "right"
    way = EXPLAINED.write((number,))
    return (
        f'<a href="?explained={way}" data-way="{way}" class="{kind}" style="--share: {share:.3f}">{written}{guess}</a>'
    )


def sample(view: View, tokens: int = 40) -> str:
    """What the model writes after the example's first token, each drawn with a temperature of 0.7."""
    read, config = view.row[0], view.run.config
    room, joint, task = min(tokens, config.n_ctx - 1), view.run.task.joint, view.run.task
    if view.source is not None:
        return _translated(view, view.source, room)
    steps = core.generate(view.params, config, read[:1], max_new_tokens=room, temperature=0.7, seed=view.step)
    return joint.join(task.read([read[0], *(step.token for step in steps)])).replace(" .", ".")


def _translated(view: View, source: np.ndarray, room: int) -> str:
    """The example's source, and what the model makes of it, always taking the likeliest word."""
    task, config = view.run.task, view.run.config
    stop = task.vocabulary.index(END)
    steps = core.generate(view.params, config, source[:1], room, 0, source=source, stop=stop)
    texts = (task.read(source[1:]), task.read([step.token for step in steps]))
    return " → ".join(task.joint.join(words).replace(" .", ".") for words in texts)


def _strongest(pattern: np.ndarray, tokens: list[str], words: Words, **place: int) -> str:
    """The strongest look [query, key] at another token, of which the mask shows the earlier ones alone."""
    others = np.tril(np.ones(pattern.shape, bool), -1)
    if not np.isfinite(pattern).all():
        return words("train.says.attention_lost", **place)
    found = extremes.greatest_if_any(pattern, words.number, others)
    if found is None or found.value < NO_LOOK:
        return words("train.says.attention_itself", **place, least=NO_LOOK)
    if (several := len(found.places)) > 1:
        return words("train.says.attention_alike", **place, n=several, weight=found.value)
    query, key = found.place
    names = {name: extremes.token_name(tokens, i, words) for name, i in (("query", query), ("key", key))}
    return words("train.says.attention", **place, **names, weight=found.value, back=query - key)


def _furthest(lengths: np.ndarray, tokens: list[str], words: Words) -> str:
    """Which embeddings have moved furthest, against all that are drawn."""
    found = extremes.greatest(lengths, lambda x: size(x, words))
    if found.value == 0:
        return words("train.says.embeddings_still")
    if found.everywhere:
        return words("train.says.embeddings_alike", length=size(found.value, words))
    return words(
        "train.says.embeddings",
        tokens=extremes.token_names(tokens, found.indices, words),
        n=len(found.places),
        length=size(found.value, words),
        mean=size(float(lengths.mean()), words),
    )
