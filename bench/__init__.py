"""What is measured: the pages with the scenes and knobs that the benches use.

Every bench prints a Markdown table and fails on errors only: machines differ, so speed is reported beside a peer of the
same run and never asserted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from core import Scene

ROOT = Path(__file__).resolve().parents[1]
PLAIN_APP = ROOT / "bench" / "plain_app.py"


@dataclass(frozen=True)
class Page:
    """A page as a bench opens it: `path` and `query` of its URL, the `key=` of the knob that is turned (or how it
    begins, up to a hyphen), and how many times as long as the bare page's a turn may take (`bar`); of one that is
    dragged, how many pictures a second there shall be."""

    path: str
    query: str
    knob: str
    bar: float

    def has_knob(self, element_id: str) -> bool:
        """Whether a widget is the knob: Streamlit's ids are `$$ID-hash-key`."""
        key = element_id.split("-", 2)[-1]
        return key == self.knob or key.startswith(f"{self.knob}-")

    @property
    def knob_selector(self) -> str:
        """The knob in the browser: an element with a key has the class `st-key-key`."""
        return f".st-key-{self.knob}, [class*='st-key-{self.knob}-']"

    def seeded(self, seed: int) -> Page:
        """The same page with a seed of its own: another picture to the server's caches, at the same cost."""
        return replace(self, query="&".join(filter(None, (self.query, f"seed={seed}"))))


# Thirty-two words: "The penguin walks swaying ..."
LONG = (
    "O pinguim anda balançando porque o joelho fica escondido dentro do corpo debaixo das penas e quem olha de longe "
    "pensa que ele não tem joelho mas tem e corre no gelo"
)
TWELVE = (("d_model", 96), ("n_heads", 12), ("n_layers", 12))


def query(**scene: Any) -> str:
    return urlencode(Scene(**scene).to_query())


PAGES = {
    "start": Page("", query(model="gpt", sentence=LONG, overrides=TWELVE), "knob-seed", 1.6),
    "attention": Page("attention", "", "knob-temperature", 1.0),
    "heads": Page("heads", query(model="gpt", sentence=LONG, overrides=TWELVE), "knob-seed", 1.5),
    "fibres": Page("fibres", query(model="gpt", sentence=LONG, threshold=0.02), "knob-threshold", 1.6),
    "drift": Page("drift", query(model="gpt"), "knob-drift_stage", 1.0),
}
# Dragged, and the pictures a second that are asked for: twice as many where the browser draws by itself. A knob with
# few stops would wait for the hand.
DEEP = (("n_layers", 12),)
DRAGGED = {
    "attention": replace(PAGES["attention"], bar=20),
    "fibres": replace(PAGES["fibres"], bar=20),
    "drift": Page("drift", query(model="gpt", overrides=DEEP), "knob-drift_stage", 20),
}
PEER = Page("", "", "knob", 1.0)


def machine() -> str:
    """What is measured on, and how busy it was before: above its number of cores, only the ratios mean something."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the start"


def percentile(values: Sequence[float], percent: float) -> float:
    """The `percent`-th percentile of `values`; NaN where nothing was measured."""
    return float(np.percentile(values, percent)) if values else float("nan")


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table: the first column to the left, the numbers to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    print("\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n", flush=True)


def print_errors(errors: Sequence[str]) -> int:
    """Print each error once, with how often; 1 where there was any, as an exit code."""
    for error in sorted(set(errors)):
        print(f"{errors.count(error)} x {error}", file=sys.stderr)
    return int(bool(errors))


def between(low: float, high: float, kind: type) -> Callable[[str], float]:
    """An argparse type: a number of this kind from `low` to `high`."""

    def number(text: str) -> float:
        if not low <= kind(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return kind(text)

    return number


def app_script(text: str) -> Path:
    """An argparse type: a script that `streamlit run` can start."""
    script = Path(text).resolve()
    if not script.is_file():
        raise argparse.ArgumentTypeError(f"{script} is not a file")
    return script
