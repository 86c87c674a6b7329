"""How the tests are dealt to workers side by side: the longest first, so that the last one to end has a short one.

A file's tests go to one worker, and share what a module has. Files that share nothing, and take long, are dealt test by
test.
"""

from __future__ import annotations

from typing import Any

import pytest

# Files by how long they take, the longest first, and whether their tests are dealt one by one.
LONGEST = {
    **{"test_one_scene": True, "test_journeys": False, "test_live_figure": False, "test_train_journeys": True},
    **{"test_paper": True, "test_layout": True, "test_internals": True, "test_axe": False, "test_round": False},
    **{
        "test_deploy": False,
        "test_looks": True,
        "test_claims": True,
        "test_memory": False,
        "test_generate_page": False,
    },
    **{"test_train_page": False, "test_app": False, "test_heads": False, "test_start_page": False},
    **{"test_checks": False, "test_house": False, "test_every_scene": True},
}


APART = ("web", "firefox", "snapshots")  # some minutes each: they run where -m names them, and nowhere else


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
    """What goes to a worker together with a test of this id: its file, or the test alone."""
    file = test.partition("::")[0]
    return test if LONGEST.get(file.rpartition("/")[2].removesuffix(".py")) else file


@pytest.hookimpl(optionalhook=True)
def scheduler(config: pytest.Config, log: Any) -> Any:
    """pytest_xdist_make_scheduler"""
    from xdist.scheduler import LoadScopeScheduling  # an extra: without it there is one worker

    dealer = LoadScopeScheduling(config, log)
    dealer._split_scope = dealt_with  # type: ignore[method-assign]
    return dealer
