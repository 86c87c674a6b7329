"""Timing several functions of one process against each other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np


def on_threads(threads: int, module: str) -> None:
    """Start this bench again with that many BLAS threads, unless it has them: the libraries read it when they load."""
    wanted = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if wanted.items() - os.environ.items():
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], {**os.environ, **wanted})


def medians(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds a call. Each function in turn within every round, so that a slow spell hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    repeats = {}
    for name, function in functions.items():
        function()
        start = perf_counter()
        function()
        repeats[name] = max(1, int(2e-3 / (perf_counter() - start)))  # a clock reading must not weigh
    for _ in range(rounds):
        for name, function in functions.items():
            start = perf_counter()
            for _ in range(repeats[name]):
                function()
            times[name].append((perf_counter() - start) / repeats[name] * 1e3)
    return {name: float(np.median(values)) for name, values in times.items()}
