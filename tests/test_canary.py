"""Hostile inputs in a real browser: a few by each door, and that a canary which sings is heard (bench/canary.py)."""

from __future__ import annotations

import random

import pytest

from bench.canary import DOORS, Cage

SINGS = {  # what an input might bring about, and what is heard of it
    "{const one = document.createElement('script'); one.text = 'canary=1'; document.body.append(one)}": "the canary",
    "document.body.insertAdjacentHTML('beforeend', '<p onclick=canary=1>')": "<p onclick",
    "document.body.insertAdjacentHTML('beforeend', '<a href=\" javascript:canary=1\">x</a>')": "<a href",
    "document.querySelector('p').attachShadow({mode: 'open'}).innerHTML = '<img src=x>'": "<img src",
    "setTimeout(() => alert(1))": "dialog: 1",
    "void fetch('http://127.0.0.1:9/').catch(() => 0)": "asked: http://127.0.0.1:9/",
    "document.querySelector('h1.fibra-title').remove()": "no title",
}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cage(readers, app):
    context = readers.borrow()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield Cage(context.new_page(), app)
    readers.give_back(context)


@pytest.mark.parametrize("door", DOORS)
def test_nothing_sings_by_whichever_door_it_comes_in(cage, door):
    for seed in range(3):
        assert DOORS[door](cage, random.Random(f"{door}-{seed}")) > 0
        cage.hover()
        assert not cage.sung()


def test_a_canary_that_sings_is_heard(cage):
    assert not cage.sung()
    for script in SINGS:
        cage.page.evaluate(script)
    cage.page.wait_for_timeout(200)  # what is asked and said outside of the page is told a little later
    heard = cage.sung()
    assert all(any(one.startswith(what) for one in heard) for what in SINGS.values()), heard
