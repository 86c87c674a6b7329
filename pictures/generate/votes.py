"""Who voted for this word: what every part of the model adds to the logit of the token that was taken, and from which
word the heads brought it.

The last stream is a sum, and the logit reads it in a line: so the parts add up to it exactly (Elhage et al. 2021; the
final norm's scale held at what it was: Wang et al. 2022, section 3.1).
"""

from __future__ import annotations

import re

import numpy as np

from core import Scene
from core.interpret import Attribution, direct_attribution, is_sum, source_attribution
from core.scene.fields import Numbered
from pictures import continuation, extremes
from pictures.compute import Picture, picture
from pictures.numbers import Bars
from pictures.words import Words
from plots.tokens import LABEL, edged, short
from plots.waterfall import height_of, waterfall

PARTS = 14  # bars of the waterfall: of more, the greatest stand alone, the others together
WORDS = 16  # the same of words
HEAD = re.compile(r"blocks\.(\d+)\.attn\.(\d+)")


def refused(scene: Scene) -> str:
    """Why there are no votes to be counted, as a label; "" where there are.

    The stream may be no sum of what was written to it; or so many parts would have to be computed again at every step
    that a class would wait.
    """
    if not is_sum(scene.config):
        return "generate.votes.none"
    n = len(scene.tokens) + scene.max_new_tokens
    return "generate.votes.none_large" if continuation.is_long(scene, n) else ""


def attributed(scene: Scene) -> tuple[int, Attribution, Attribution]:
    """The token that was taken; what each part adds to its logit, [part, 1]; and each head from each word, [head, key].

    Raises: ConfigError where the stream is no sum.
    """
    text = continuation.text_of(scene)
    run, token = continuation.context(scene), continuation.looked_at(scene, text).token
    about = (run.trace, run.params, scene.whole, token)
    return token, direct_attribution(*about), source_attribution(*about)


@picture(*continuation.KNOBS, "tokens_written")
def votes(scene: Scene, words: Words) -> Picture:
    """From the embedding over each head and MLP to the logit, in the order of the computation."""
    token, parts, _ = attributed(scene)
    values, total = parts.values[:, -1].astype(np.float64), float(parts.total[-1])
    names = [_part(part, words) for part in parts.names]
    says = _says("votes", scene, values, names, words, total=total, n=len(values))
    roles = ["@attention" if HEAD.fullmatch(part) else "@residual" for part in parts.names]
    called = [_part(part, words, "bar_") for part in parts.names]
    numbers = [_number(part, token) for part in parts.names]
    shown = [*_shown(numbers, values, PARTS), ("logits", (parts.values.shape[1] - 1, token))]
    values, names, roles = _gathered(values, called, roles, PARTS, words)
    figure = waterfall(values, names, roles, words("generate.votes.logit"), whole=total, comma=words.comma, alt=says)
    return Picture(figure, says, Bars(tuple(shown)))


@picture(*continuation.KNOBS, "tokens_written")
def sources(scene: Scene, words: Words) -> Picture:
    """The same of the heads alone, by the word that they looked at."""
    token, _, heads = attributed(scene)
    values = heads.values[:, -1].astype(np.float64).sum(0)
    text = continuation.text_of(scene)
    tokens = continuation.spelled(scene, text, continuation.reached(scene, text) - 1, words)
    names = [extremes.token_name(tokens, place, words) for place in range(len(tokens))]
    says = _says("sources", scene, values, names, words, total=float(values.sum()), n=len(values))
    numbers = _shown([("brought.logits", (key, token)) for key in range(len(values))], values, WORDS)
    called = [_word(tokens, place, words) for place in range(len(tokens))]
    values, names, roles = _gathered(values, called, ["@value"] * len(called), WORDS, words)
    figure = waterfall(values, names, roles, words("generate.votes.heads"), comma=words.comma, alt=says)
    return Picture(figure, says, Bars(tuple(numbers)))


def height(scene: Scene) -> int:
    """Pixels of both pictures."""
    text, config = continuation.text_of(scene), scene.config
    parts = 2 + config.n_layers * (config.n_heads + 2) + 2
    return height_of(1 + max(min(parts, PARTS), min(len(text.ids) + len(text.steps), WORDS)))


def _part(name: str, words: Words, start: str = "") -> str:
    """What a part is called in a sentence; "bar_": beside its bar."""
    if head := HEAD.fullmatch(name):
        return words(f"generate.votes.{start}head", layer=int(head[1]), head=int(head[2]))
    layer = re.match(r"blocks\.(\d+)\.", name)
    kind = name.rpartition(".")[2] if layer else name.partition(".")[0]
    start = start if layer or kind == "ln_final" else ""
    return words(f"generate.votes.{start}{kind}", layer=int(layer[1]) if layer else 0)


def _word(tokens: list[str], place: int, words: Words) -> str:
    """What a word is called beside its bar: one that stands there more than once keeps its position, however long."""
    if tokens.count(token := tokens[place]) == 1:
        return extremes.token_name(tokens, place, words)
    room = LABEL - len(words("generate.votes.bar_word", token="", place=place))
    return words("generate.votes.bar_word", token=short(edged(token), room), place=place)


def _number(part: str, token: int) -> Numbered:
    """What explains a part's vote for a token."""
    if head := HEAD.fullmatch(part):
        return f"vote_head.blocks.{head[1]}.attn.z", (int(head[2]), token)
    return f"vote.{part}", (token,)


def _kept(values: np.ndarray, most: int) -> list[int]:
    """The places of the parts that stand alone, in their order."""
    if len(values) <= most:
        return [*range(len(values))]
    places: list[int] = np.argsort(-np.abs(values), kind="stable")[: most - 1].tolist()
    return sorted(places)


def _shown(numbers: list[Numbered], values: np.ndarray, most: int) -> list[Numbered | None]:
    """The numbers of the bars that `_gathered` gives; the others together are none."""
    kept: list[Numbered | None] = [numbers[i] for i in _kept(values, most)]
    return kept if len(kept) == len(values) else [*kept, None]


def _gathered(
    values: np.ndarray, names: list[str], roles: list[str], most: int, words: Words
) -> tuple[np.ndarray, list[str], list[str]]:
    """The greatest parts in their order; the others as one, behind them."""
    if len(values) <= most:
        return values, names, roles
    kept = _kept(values, most)
    rest = values.sum() - values[kept].sum()
    others = words("generate.votes.others", n=len(values) - len(kept))
    return np.append(values[kept], rest), [*(names[i] for i in kept), others], [*(roles[i] for i in kept), "@muted"]


def _says(key: str, scene: Scene, values: np.ndarray, names: list[str], words: Words, **about: float) -> str:
    """What the parts come to, and which gives most and which least."""
    name, taken = continuation.names(scene, words), continuation.looked_at(scene, continuation.text_of(scene)).token
    token = words("quoted", token=edged(name(taken)))
    most, least = extremes.greatest(values, words.number), extremes.least(values, words.number)
    if most.everywhere:
        return words(f"generate.says.{key}_alike", token=token, each=most.value, **about)
    return words(
        f"generate.says.{key}",
        token=token,
        most=extremes.some([names[i] for i in most.indices], words),
        high=most.value,
        least=extremes.some([names[i] for i in least.indices], words),
        low=least.value,
        **about,
    )
