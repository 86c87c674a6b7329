"""Every sentence that is computed is true: on 200 Scenes, in both languages, held against arrays computed here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from claims import CLAIMS, Fresh, any_scenes, beside, check, drawn, inside, light, see, switched, trained, way, written

from core import Scene
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
}
SCENES = any_scenes(200)
AT_ONCE = 20


def scenes_of(page: str) -> list[Scene]:
    return getattr(PAGES[page], "SCENES", SCENES)


@pytest.mark.parametrize("page, first", [(p, i) for p in PAGES for i in range(0, len(scenes_of(p)), AT_ONCE)])
def test_what_is_said_is_so(page: str, first: int) -> None:
    module = PAGES[page]
    for i, scene in enumerate(scenes_of(page)[first : first + AT_ONCE], first):
        scene = module.opened(scene) if module is trained else scene
        fresh = (trained.Fresh if module is trained else Fresh)(scene)
        for lang in LANGUAGES if i % 4 == 0 else LANGUAGES[i % 2 : i % 2 + 1]:  # the values are one in both
            check(scene, module.BUILDERS, lang, fresh)
            if of_pinned := getattr(module, "OF_PINNED", ()):
                check(scene, of_pinned, lang, fresh.before)


def test_no_claim_is_of_a_key_that_is_gone() -> None:
    assert CLAIMS.keys() <= words_of("en")._labels.keys()
