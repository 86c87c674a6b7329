"""The glossary: every term and every array of the trace, explained once; and which of the terms each page uses."""

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
ON_PAGE = {
    "start": ("token", "embedding", "positions", "stream", "layer", "head", "mlp", "logits"),
    "attention": ("query", "key", "value", "score", "scale", "mask", "softmax", "pattern", "head"),
    "heads": ("head", "pattern", "layer", "entropy", "ablation", "encoder"),
    "reading": ("head", "induction", "rollout", "entropy", "ablation"),
    "fibres": ("pattern", "layer", "head", "token"),
    "drift": ("embedding", "stream", "layer", "pca"),
    "block": ("stream", "norm", "prepost", "positions", "mlp", "neuron", "activation", "gated"),
    "generate": ("logits", "temperature", "topk", "generation", "cache", "lens", "loss", "perplexity"),
    "cause": ("patching", "ablation", "stream", "logits", "trace"),
    "train": ("loss", "gradient", "optimizer", "rate", "batch", "seed"),
}
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
            f"  {_plain(words(f'glossary.names.{entry(name)}'))} :small[{about.source}]"
        )
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text with nothing that Markdown would take for its own."""
    return re.sub(r"([_*`$\[\]#])", r"\\\1", text)


def here(page: str, words: Words) -> str:
    """The terms of a page as HTML, each opening on what it means; "" for a page that has none."""
    found = [(words(f"glossary.words.{term}"), words(f"glossary.means.{term}")) for term in ON_PAGE.get(page, ())]
    rows = (f"<details><summary>{escape(word)}</summary><p>{escape(means)}</p></details>" for word, means in found)
    return (
        f'<div class="fibra-glossary"><span>{escape(words("glossary.here"))}</span>{"".join(rows)}</div>'
        if found
        else ""
    )
