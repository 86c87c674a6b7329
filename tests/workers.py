"""How the tests are dealt to workers side by side: the longest first, so that the last one to end has a short one.

A file's tests go to one worker, and share what a module has. Files that share nothing, and take long, are dealt test by
test.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

# Files by how long they take, the longest first.
LONGEST = (
    *("test_one_scene", "test_journeys", "test_live_figure", "test_train_journeys", "test_paper", "test_layout"),
    *("test_internals", "test_axe", "test_round", "test_deploy", "test_looks", "test_claims", "test_memory"),
    *("test_generate_page", "test_canary", "test_train_page", "test_app", "test_heads", "test_start_page"),
    *("test_checks", "test_every_scene", "test_scene", "test_explained_page", "test_explained_train", "test_gradients"),
    *("test_takeaway", "test_lessons", "test_parts", "test_declared", "test_process", "test_asked", "test_public_face"),
    *("test_turn", "test_packages", "test_explained_named", "test_weights_fuzz", "test_switchboard", "test_seq2seq"),
)
# Those whose tests share nothing: they are dealt one by one.
ONE_BY_ONE = {
    *("test_one_scene", "test_train_journeys", "test_paper", "test_layout", "test_internals", "test_looks"),
    "test_every_scene",
}
BY_PAGE = {"test_claims"}  # those whose tests of a page share something: their ids end with [page-...]
APART = ("web", "firefox", "webkit", "snapshots")  # some minutes each: they run where -m names them, and nowhere else


def longest_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """pytest_collection_modifyitems"""
    left_out = {name for name in APART if name not in config.option.markexpr}
    apart = [item for item in items if left_out & {mark.name for mark in item.iter_markers()}]
    if apart:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def dealt_with(test: str) -> str:
    """What goes to a worker together with a test of this id: its file, its page's tests there, or the test alone."""
    file = test.partition("::")[0]
    name = file.rpartition("/")[2].removesuffix(".py")
    if name in BY_PAGE:
        return file + "".join(re.findall(r"\[\w+", test))
    return test if name in ONE_BY_ONE else file


@pytest.hookimpl(optionalhook=True)
def scheduler(config: pytest.Config, log: Any) -> Any:
    """pytest_xdist_make_scheduler"""
    from xdist.scheduler import LoadScopeScheduling  # an extra: without it there is one worker

    dealer = LoadScopeScheduling(config, log)
    dealer._split_scope = dealt_with  # type: ignore[method-assign]
    return dealer
