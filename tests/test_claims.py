"""Every sentence that is computed is true: on 200 Scenes, in both languages, held against arrays computed here.

On 20 of the Scenes of a page, every number and name that a sentence is given is altered too, and has to be found out;
and so has every sentence that is told in the place of another one with the same claim.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from claims import (
    CLAIMS,
    Fresh,
    Recorder,
    ablated,
    across,
    akin,
    any_scenes,
    asked,
    back,
    beside,
    both_ways,
    caused,
    check,
    drawn,
    explained,
    heard,
    hidden,
    inside,
    inside_two,
    light,
    mattered,
    put,
    readings,
    samples,
    see,
    sides,
    strips,
    switched,
    trained,
    voted,
    way,
    written,
)
from claims.altered import misplaced, unnoticed

import pictures
from core import Scene
from pictures import compute
from pictures.memory import BUDGET
from pictures.words import LANGUAGES, words_of

PAGES = {
    "see": see,
    "way": way,
    "light": light,
    "inside": inside,
    "beside": beside,
    "switched": switched,
    "drawn": drawn,
    "written": written,
    "trained": trained,
    "asked": asked,
    "caused": caused,
    "mattered": mattered,
    "back": back,
    "explained": explained,
    "across": across,
    "sides": sides,
    "strips": strips,
    "both_ways": both_ways,
    "readings": readings,
    "inside_two": inside_two,
    "voted": voted,
    "akin": akin,
    "samples": samples,
    "ablated": ablated,
    "hidden": hidden,
    "put": put,
}
SCENES = any_scenes(200)
AT_ONCE = 20
TOLD_BY = {
    "see": ("sides",),
    "inside": ("inside_two",),
    "drawn": ("written",),
}  # whose Scenes tell the rest of a page's
HELD: dict[str, list[set[str]]] = {page: [] for page in PAGES}  # the keys of what was held, 20 Scenes after another


def scenes_of(page: str) -> list[Scene]:
    return getattr(PAGES[page], "SCENES", SCENES)


@pytest.mark.parametrize("page, first", [(p, i) for p in PAGES for i in range(0, len(scenes_of(p)), AT_ONCE)])
def test_what_is_said_is_so(page: str, first: int) -> None:
    module, held = PAGES[page], set[str]()
    for i, scene in enumerate(scenes_of(page)[first : first + AT_ONCE], first):
        scene, fresh = opened(page, scene)
        for lang in LANGUAGES if i % 4 == 0 else LANGUAGES[i % 2 : i % 2 + 1]:  # the values are one in both
            held |= check(scene, module.BUILDERS, lang, fresh)
            if of_pinned := getattr(module, "OF_PINNED", ()):
                held |= check(scene, of_pinned, lang, fresh.before)
    HELD[page].append(held)


def opened(page: str, scene: Scene) -> tuple[Any, Any]:
    """What a page's builders are called with, and a run of its own to hold them against."""
    if page != "trained":
        return scene, getattr(PAGES[page], "FRESH", Fresh)(scene)
    view = trained.opened(scene)
    return view, trained.Fresh(view)


@pytest.mark.parametrize("page", PAGES)
def test_no_number_name_or_sentence_can_be_another_one_unnoticed(page: str) -> None:
    for run, words in on_some_scenes(page):
        assert not [*unnoticed(run, words)], run.scene.to_query()
        assert not [*misplaced(run, words)], f"{run.says}\n{run.scene.to_query()}"


@pytest.mark.parametrize("page", PAGES)
def test_every_sentence_is_told_on_some_scene(page: str) -> None:
    """One that no Scene tells is held against nothing. A claim may be of sentences that another page's Scenes tell."""
    BUDGET.clear()  # what is kept is not said again
    untold = {key for key, claim in CLAIMS.items() if claim.__module__ == PAGES[page].__name__}
    untold -= set().union(*HELD[page])
    for other in sorted(
        PAGES, key=lambda name: (name != page, name not in TOLD_BY.get(page, ()), len(scenes_of(name)))
    ):
        for scene in reversed(scenes_of(other)):
            if not untold:
                return
            untold -= told(other, scene)
    assert not untold


def told(page: str, scene: Any) -> set[str]:
    """The keys of what a page's builders say of a Scene."""
    module, run = PAGES[page], SimpleNamespace()
    shown = trained.opened(scene) if page == "trained" else scene
    builders = (*module.BUILDERS, *getattr(module, "OF_PINNED", ()))
    return {key for words in heard(shown, builders, "en", run) for key, _ in words.claimed()}


def on_some_scenes(page: str) -> Iterator[tuple[Any, Recorder]]:
    """What a page's builders say on 20 of its Scenes, each with the run that it is held against."""
    module, scenes = PAGES[page], scenes_of(page)
    for i, chosen in enumerate(scenes[:: max(1, len(scenes) // 20)]):
        scene, fresh = opened(page, chosen)
        builders = [(module.BUILDERS, fresh)]
        if of_pinned := getattr(module, "OF_PINNED", ()):
            builders.append((of_pinned, fresh.before))
        for of, run in builders:
            for words in heard(scene, of, LANGUAGES[i % 2], run):
                yield run, words


def test_a_sentence_without_a_claim_or_with_a_claim_that_reads_less_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    monkeypatch.setitem(CLAIMS, "start.says.in", lambda f, v: None)
    (words,) = heard(scene, see.BUILDERS[:1], "en", fresh := Fresh(scene))
    assert [found.partition(",")[0] for found in unnoticed(fresh, words)] == ["start.says.in: n", "start.says.in: d"]
    monkeypatch.delitem(CLAIMS, "start.says.in")
    with pytest.raises(AssertionError, match="nothing says when this is true"):
        check(scene, see.BUILDERS[:1], "en", fresh)


def test_no_claim_is_of_a_key_that_is_gone() -> None:
    assert CLAIMS.keys() <= words_of("en")._labels.keys()


def test_every_builder_is_called_by_a_module_of_claims() -> None:
    """A new picture's sentences go through `check` from its first day: by itself or by its name, in some BUILDERS."""
    called = "".join(path.read_text("utf-8") for path in (Path(__file__).parent / "claims").glob("*.py"))
    for module in pkgutil.walk_packages(pictures.__path__, "pictures."):
        import_module(module.name)
    listed = {builder for module in PAGES.values() for builder in module.BUILDERS}
    others = {f"{b.__module__.split('.')[-1]}.{b.__name__}" for b in compute.builders() if b not in listed}
    assert not sorted(name for name in others if not re.search(rf"\b{re.escape(name)}\b", called))
