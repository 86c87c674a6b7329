"""How many small faults do the tests find?

    python -m bench.mutants --sample 150 --seed 0 [--only pictures/heads.py] [--tests tests/test_heads.py ...]

Each mutant is one change of what a function does, or of a constant of a module: an operator, a boundary, a sign, a
number, an end, an axis, a term that is dropped. (Defaults of arguments and what stands in a class beside its functions
are left as they are.) The tests are collected once and run once, to see which functions each of them reaches, and which
fail as it is. For each mutant the process is forked, the changed code put in the place of the old, and the tests that
reach it run, the fastest first, until one fails. Printed are those that lived, and the share that died.
By hand: the first run takes as long as the tests given, a mutant some seconds. `--seen FILE` keeps what the first run
saw, while nothing else changes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import _lru_cache_wrapper
from pathlib import Path
from time import perf_counter
from types import CodeType, FrameType
from typing import Any

import pytest

from bench import ROOT
from bench._mutation import WHERE, Mutant, Place, every_mutant, put
from pictures import memory

WORK = 120.0  # seconds of tests a mutant, as they took in the first run, which watches them: three times as long
MOST = 240  # seconds, of work and of the clock, where it waits: a mutant that hangs has been noticed


class Reached:
    """The places that the code passes through while it is watched."""

    def __init__(self) -> None:
        self.places: set[Place] = set()
        self._known: dict[CodeType, Place | None] = {}

    def watch(self, on: bool) -> None:
        sys.setprofile(self._seen if on else None)
        threading.setprofile(self._seen if on else None)  # pages run in threads

    def _seen(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in self._known:
            path = code.co_filename.removeprefix(f"{ROOT}/")
            self._known[code] = (path, code.co_qualname.split(".<locals>")[0]) if path.startswith(WHERE) else None
        if place := self._known[code]:
            self.places.add(place)


@dataclass(frozen=True)
class Seen:
    """What a test did in the first run."""

    places: frozenset[Place]
    seconds: float
    passed: bool


class Laboratory:
    """A plugin for pytest: in the place of a test run, one with each mutant."""

    def __init__(self, mutants: list[Mutant], seen: Path | None):
        self.mutants, self.kept = mutants, seen
        self.lived: list[Mutant] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if self.kept is None or not self.kept.exists():
            with tempfile.NamedTemporaryFile() as file:
                aside(lambda: look(session, Path(file.name)))
                found = Path(file.name).read_bytes()
                if self.kept:
                    self.kept.write_bytes(found)
        else:
            found = self.kept.read_bytes()
        seen = {test: Seen(frozenset(map(tuple, places)), *did) for test, (places, *did) in json.loads(found).items()}
        for n, mutant in enumerate(self.mutants, 1):
            tests = finders(mutant, session.items, seen)
            died = bool(tests) and aside(lambda tests=tests, mutant=mutant: attempt(session, tests, mutant)) != 0
            self.lived += [] if died else [mutant]
            what = "dies" if died else f"LIVES ({len(tests)} tests)"
            print(f"{n}/{len(self.mutants)} {mutant.place[0]}:{mutant.line} {mutant}: {what}", flush=True)
        return True


def finders(mutant: Mutant, items: list[pytest.Item], seen: dict[str, Seen]) -> list[pytest.Item]:
    """The tests that reach what is changed, the fastest first, as many as take WORK seconds."""
    path, name = mutant.place
    known = any((path, name) in test.places for test in seen.values())  # a constant is no place: whoever is in its file
    chosen, seconds = [], 0.0
    for item in sorted(items, key=lambda item: seen[item.nodeid].seconds if item.nodeid in seen else 0.0):
        test = seen.get(item.nodeid)
        if test and test.passed and any(place == (path, name) if known else place[0] == path for place in test.places):
            seconds += test.seconds
            if seconds > WORK and chosen:
                break
            chosen.append(item)
    return chosen


def aside(work: Any) -> int:
    """Do it in a copy of this process, which is gone afterwards; the copy's exit status."""
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        status = 1
        try:
            status = work() or 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def attempt(session: pytest.Session, tests: list[pytest.Item], mutant: Mutant) -> int:
    """Run these tests with a mutant; 1 as soon as one fails."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST, MOST))
    signal.alarm(MOST)
    put(mutant)
    for item, after in zip(tests, [*tests[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return 1
    return 0


def look(session: pytest.Session, file: Path) -> int:
    """Run all tests as they are, and write what each does. What one has computed, another one computes again: else only
    the first would be seen to pass through it.
    """
    seen, reached, caches = {}, Reached(), own_caches()
    for item, after in zip(session.items, [*session.items[1:], None], strict=True):
        failed, start = session.testsfailed, perf_counter()
        reached.places = set()
        for cache in caches:
            cache.cache_clear()
        memory.BUDGET.clear()
        reached.watch(True)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        reached.watch(False)
        seen[item.nodeid] = Seen(frozenset(reached.places), perf_counter() - start, session.testsfailed == failed)
    file.write_text(json.dumps({test: ([*did.places], did.seconds, did.passed) for test, did in seen.items()}), "utf-8")
    return 0


def own_caches() -> list[Any]:
    """What functions of this project, and of its tests, have been asked before."""
    gc.unfreeze()  # as above
    held = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
    return [one for one in held if made_in(one).startswith(f"{ROOT}/")]


def made_in(cached: Any) -> str:
    """The file of what is cached: of a function, or of a class."""
    return str(getattr(sys.modules.get(cached.__module__), "__file__", None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a file or folder")
    parser.add_argument("--tests", nargs="*", default=["tests"], help="files, where not all are to be run")
    parser.add_argument("--seen", type=Path, help="a file that keeps what the first run saw")
    args = parser.parse_args()
    every = every_mutant(args.only)
    chosen = random.Random(args.seed).sample(every, min(args.sample, len(every)))
    laboratory = Laboratory(chosen, args.seen)
    told = pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-m", "not browser", *args.tests], plugins=[laboratory])
    if told:
        sys.exit(told)
    died = 1 - len(laboratory.lived) / len(chosen)
    print(f"\n{len(every)} mutants, {len(chosen)} tried (seed {args.seed}): {died:.1%} died")
    for mutant in laboratory.lived:
        print(f"lived: {mutant.place[0]}:{mutant.line}  {mutant}")


if __name__ == "__main__":
    main()
