"""The loop of generation as a loop, in HTML: what is there, what the model makes of it, the draw, the token that joins.

Tokens are a reader's text or a vocabulary's: all are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from core import Scene, Writing
from core.generate.loop import NewToken
from pictures import continuation
from pictures.generate.draw import share
from pictures.words import Words
from plots.tokens import isolated, shown

SHOWN = 3  # tokens of the context, and candidates, that a card of the strip has room for
SLICES = 24  # shares of the draw that are drawn apart; the rest is one slice


def strip(scene: Scene, text: Writing, words: Words) -> str:
    """Five cards: context, forward, distribution, choice, append; an arrow leads from the last to the first."""
    step = continuation.looked_at(scene, text)
    cards = {
        "context": _context(scene, text, step, words),
        "forward": _forward(text, step, words),
        "distribution": _distribution(scene, step, words),
        "choice": _choice(scene, step, words),
        "append": _append(scene, text, step, words),
    }
    items = "".join(
        f'<li class="{card}"><h2>{escape(words(f"generate.card.{card}"))}</h2>{body}</li>'
        for card, body in cards.items()
    )
    again = escape(words("generate.card.again"))
    return f'<div class="fibra-loop" data-drawn="1"><ol>{items}</ol><p class="again">{again}</p></div>'


def _context(scene: Scene, text: Writing, step: NewToken, words: Words) -> str:
    tokens = continuation.spelled(scene, text, step.position - len(text.ids), words)
    tail = ("… " if len(tokens) > SHOWN else "") + _in_order(tokens[-SHOWN:], _joint(scene))
    count = escape(words("generate.card.tokens", n=len(tokens)))
    return f'<p class="tokens">{escape(tail)}</p><small>{count}</small>'


def _append(scene: Scene, text: Writing, step: NewToken, words: Words) -> str:
    *_, before, new = continuation.spelled(scene, text, step.position + 1 - len(text.ids), words)
    length = words("generate.card.length", n=step.position + 1, most=text.config.n_ctx)
    joined = f"… {escape(shown(before))}{_joint(scene)}<b{_forced(step)}>{escape(shown(new))}</b>"
    return f'<p class="tokens">{joined}</p><small>{escape(length)}</small>'


def _joint(scene: Scene) -> str:
    """As `continuation.joint`, but ids without a spelling must not run together."""
    return continuation.joint(scene) if scene.preset.tokenizer else " "


def _forward(text: Writing, step: NewToken, words: Words) -> str:
    c, work = text.config, step.work
    shape = f"{len(work.new)} × {c.d_model} → {len(step.distribution.logits)}"
    about = words("generate.card.work", layers=c.n_layers, new=len(work.new), reused=len(work.reused))
    return f'<p class="shape">{shape}</p><small>{escape(about)}</small>'


def _distribution(scene: Scene, step: NewToken, words: Words) -> str:
    d, name = step.distribution, continuation.names(scene, words)
    highest = float(d.final.max())
    rows = "".join(
        f'<span>{escape(shown(name(token)))}</span><i style="width:{100 * d.final[token] / highest:.1f}%"></i>'
        f"<em>{escape(share(float(d.final[token]), words))}</em>"
        for token in d.order[:SHOWN].tolist()
    )
    return f'<div class="bars">{rows}</div>'


def _choice(scene: Scene, step: NewToken, words: Words) -> str:
    """The shares side by side from the likeliest on, and the needle where the chance fell."""
    d, name = step.distribution, continuation.names(scene, words)
    token = escape(shown(name(step.token)))
    if step.forced or scene.draw_temperature == 0:
        about = escape(words("generate.card.forced" if step.forced else "generate.card.greedy"))
        return f'<p class="tokens"><b{_forced(step)}>{token}</b></p><small>{about}</small>'
    widths = 100 * d.final[d.kept[:SLICES]]
    slices = "".join(
        f'<i class="{"chosen" if kept == step.token else ""}" style="width:{width:.2f}%"></i>'
        for kept, width in zip(d.kept.tolist(), widths.tolist(), strict=False)
    )
    chance = d.chance(step.position)
    needle = f'<u style="left:{100 * chance:.2f}%"></u>'
    about = words("generate.card.chance", chance=words.number(chance))
    return (
        f'<div class="slices">{slices}{needle}</div><p class="tokens">{escape(about)} → <b>{token}</b></p>'
        f"<small>{escape(words('generate.card.slices'))}</small>"
    )


def text_so_far(scene: Scene, text: Writing, words: Words, title: str = "") -> str:
    """The text so far: the context plain, each new token on a shade as deep as the model thought it likely."""
    name, steps = continuation.names(scene, words), text.steps[: continuation.reached(scene, text)]
    context = escape(_in_order(continuation.spelled(scene, text, 0, words), continuation.joint(scene)))
    new = "".join(_shaded(step, name(step.token), step is steps[-1], words) for step in steps)
    left = len(text.steps) - len(steps)
    rest = f"<small>{escape(words('generate.left', n=left))}</small>" if left else ""
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return f'<div class="fibra-text">{heading}<p><span class="context">{context}</span>{new}{rest}</p></div>'


def _in_order(tokens: Sequence[str], joint: str) -> str:
    """Tokens in the order of their positions, from left to right as in every picture, also where their script runs the
    other way. Letters of one text stay together: apart, those of Arabic would no longer be joined."""
    return joint.join(map(isolated, tokens)) if joint else isolated("".join(tokens))


def _shaded(step: NewToken, token: str, last: bool, words: Words) -> str:
    marks = " ".join(mark for mark, on in (("forced", step.forced), ("last", last)) if on)
    shade = f'class="new {marks}" style="--p:{step.probability:.3f}"'
    return f"<span {shade}>{escape(shown(token))}<sub>{escape(share(step.probability, words))}</sub></span>"


def _forced(step: NewToken) -> str:
    return ' class="forced"' if step.forced else ""


def texts(scene: Scene, text: Writing, words: Words) -> str:
    """What was written; beside it, where the reader forced a token, what would have been without."""
    if not any(step.forced for step in text.steps):
        return text_so_far(scene, text, words)
    free = replace(scene, forced=())
    both = [text_so_far(scene, text, words, words("generate.yours"))]
    if (own := continuation.written(free)) is not None:  # without the forced token the numbers may explode
        both.append(text_so_far(free, own, words, words("generate.own")))
    return f'<div class="fibra-texts">{"".join(both)}</div>'
