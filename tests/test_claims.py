"""Every sentence that is computed is true: on 200 Scenes, in both languages, held against arrays computed here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from claims import CLAIMS, Fresh, any_scenes, check, inside, light, see, way

from ui.words import LANGUAGES, words_of

PAGES = {"see": see, "way": way, "light": light, "inside": inside}
SCENES = any_scenes(200)
AT_ONCE = 20


@pytest.mark.parametrize("first", range(0, len(SCENES), AT_ONCE))
@pytest.mark.parametrize("page", PAGES)
def test_what_is_said_is_so(page: str, first: int) -> None:
    for i, scene in enumerate(SCENES[first : first + AT_ONCE], first):
        fresh = Fresh(scene)
        for lang in LANGUAGES if i % 4 == 0 else LANGUAGES[i % 2 : i % 2 + 1]:  # the values are one in both
            check(scene, PAGES[page].BUILDERS, lang, fresh)


def test_no_claim_is_of_a_key_that_is_gone() -> None:
    assert CLAIMS.keys() <= words_of("en")._labels.keys()
