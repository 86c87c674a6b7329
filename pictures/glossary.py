"""The glossary: every term and every array of the trace, explained once; and the terms that each page's prose links."""

from __future__ import annotations

import re
from html import escape

from core import NAMES
from pictures.words import Words

TERMS = (
    *("token", "vocabulary", "embedding", "positions", "stream", "query", "key", "value", "score", "scale", "mask"),
    *(
        "softmax",
        "pattern",
        "head",
        "gqa",
        "layer",
        "norm",
        "prepost",
        "mlp",
        "neuron",
        "activation",
        "gated",
        "logits",
    ),
    *("temperature", "topk", "generation", "cache", "loss", "perplexity", "gradient", "optimizer", "rate", "batch"),
    *("induction", "rollout", "entropy", "pca", "lens", "ablation", "patching", "trace", "seed", "encoder", "cross"),
)
LINK = re.compile(r"\]\(#(\w+)\)")  # how the prose of a page in content/ marks a term: [word](#term)
CITED = re.compile("section|gated")  # the words among the authors and numbers of a source
NORM = re.compile(r"ln\w*\.(scale|normalized|out)$")


def entry(name: str) -> str:
    """Under which key an array of the trace is explained: the same for all places where it stands."""
    norm = NORM.search(name)
    return f"norm_{norm[1]}" if norm else name.rpartition(".")[2]


def terms(words: Words) -> str:
    """Every term as Markdown, in the language's own alphabet."""
    listed = sorted((words(f"glossary.words.{term}"), words(f"glossary.means.{term}")) for term in TERMS)
    by_letter = sorted(listed, key=lambda pair: pair[0].casefold())
    return "\n".join(f"- **{_plain(word)}.** {_plain(means)}" for word, means in by_letter)


def names(words: Words) -> str:
    """Every array as Markdown: its name, symbol and axes, what it is, and where it is defined."""
    lines = []
    for name, about in NAMES.items():
        if name.startswith("encoder."):
            continue
        axes = ", ".join(about.axes)
        lines.append(
            f"- `{name}` ${about.symbol}$ :small[{words('glossary.axes')} `[{axes}]`]  \n"
            f"  {_plain(words(f'glossary.names.{entry(name)}'))} :small[{cited(about.source, words)}]"
        )
    return "\n".join(lines)


def cited(source: str, words: Words) -> str:
    """Where a thing is defined, as core says it, in the language of `words`."""
    return CITED.sub(lambda word: words(f"glossary.cited.{word[0]}"), source)


def _plain(text: str) -> str:
    """A text with nothing that Markdown would take for its own."""
    return re.sub(r"([_*`$\[\]#])", r"\\\1", text)


def linked(page: str, words: Words) -> list[str]:
    """The terms that a page's prose links, in its order."""
    return LINK.findall(words.prose(page)["more"])


def here(page: str, words: Words) -> str:
    """The terms of a page as HTML, each opening on what it means, by itself and from the prose; "" for a page that has
    none.
    """
    rows = [
        f'<details data-term="{term}"><summary>{escape(words(f"glossary.words.{term}"))}</summary>'
        f"<p>{escape(words(f'glossary.means.{term}'))}</p></details>"
        for term in linked(page, words)
    ]
    title = escape(words("glossary.here"))
    return f'<div class="fibra-glossary"><span>{title}</span>{"".join(rows)}</div>' if rows else ""
