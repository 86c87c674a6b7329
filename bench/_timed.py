"""Streamlit's server that logs how long the model itself takes: `python -m bench._timed run app.py`, as a subprocess.

Each time that a page runs a sentence (`forward`), asks a long text's run for logits, or writes on (`generate`), a line
says which, and how many seconds of the processor its thread took. Timed elsewhere, on the same text a moment later, one
run differs from the other by more than all that a page does beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from streamlit.web.cli import main

from core.scene import continuation, recall, run

START = "took: "


def took(log: str, names: tuple[str, ...]) -> float:
    """Seconds that runs of these names took, by the lines of a log."""
    lines = (line.removeprefix(START).split() for line in log.splitlines() if line.startswith(START))
    return sum(float(seconds) for name, seconds in lines if name in names)


def listen() -> None:
    """Let what computes say what it took."""
    run.forward = _timed("forward", run.forward)
    recall.Recalled._logits = _timed("logits", recall.Recalled._logits)  # type: ignore[method-assign]
    generate = continuation.generate

    def written(*args: Any, **kwargs: Any) -> Iterator[Any]:
        return iter(_timed("generate", lambda: [*generate(*args, **kwargs)])())

    continuation.generate = written


def _timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.thread_time()
        found = function(*args, **kwargs)
        print(f"{START}{name} {time.thread_time() - began:.6f}", flush=True)
        return found

    return timed


if __name__ == "__main__":
    listen()
    main()
