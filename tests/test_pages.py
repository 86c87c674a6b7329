"""The one list of pages agrees with whatever else speaks of pages: the files, the words, the READMEs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from core import PRESETS, Scene
from deploy.pictures import STILLS, file_of
from pictures import stacks
from pictures.pages import PAGES, SECTIONS, Page, sections
from pictures.words import LANGUAGES, words_of

ROOT = Path(__file__).parents[1]
READMES = {"en": "README.md", "pt-BR": "README.pt-BR.md"}
NUMBERS = {
    "en": dict(enumerate(("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"), 10)),
    "pt-BR": dict(enumerate(("dez", "onze", "doze", "treze", "catorze", "quinze"), 10)),
}


def test_every_page_s_file_is_listed_and_opens_by_its_own_name():
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "pages").glob("*.py")}
    assert set(PAGES) == set(files)
    for name, text in files.items():
        assert re.findall(r'shell\.Page\(\s*"(\w+)"', text) == [name]


def test_a_page_is_of_models_that_there_are():
    """Of one stack or of two, the first named the one that stands in; and each such model is on it as it is."""
    of = {1: Scene(), 2: Scene(model="translator")}
    for name, page in PAGES.items():
        assert page.stacks in ((1,), (2,), (1, 2))
        for n, scene in of.items():
            if page.model:
                assert (stacks.shown(scene, name).model == scene.model) == (n in page.stacks)
    assert {name for name, page in PAGES.items() if 2 not in page.stacks and page.model} == {"generate"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_page_has_its_words(lang):
    words = words_of(lang)
    assert all(words(f"sections.{name}") for name in SECTIONS)
    for name in PAGES:
        assert words(f"pages.{name}") and words(f"{name}.title") and words(f"{name}.lead") and words.prose(name)["more"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_readme_s_table_is_the_menu(lang):
    table = re.search(r"^\| p\S+ \| .*\n\|---\|---\|\n((?:\|.*\n)+)", (ROOT / READMES[lang]).read_text("utf-8"), re.M)
    rows = [row.split(" | ")[0].removeprefix("| ") for row in table[1].splitlines()]
    assert rows == [words_of(lang)(f"pages.{name}") for name in PAGES]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_readme_counts_the_lessons_and_the_stories(lang):
    text, numbers = (ROOT / READMES[lang]).read_text("utf-8"), NUMBERS[lang]
    written = [*(ROOT / "content" / lang / "lessons").glob("*.md")]
    assert re.findall(r"(\w+) (?:walks|passeios)\b", text) == [numbers[len(written)]]
    assert re.findall(r"^(\w+) (?:stories|histórias)\b", text, re.M) == [numbers[len(PRESETS)].capitalize()]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_readme_s_pictures_are_those_of_its_language_and_the_fibres_move(lang):
    shown = re.findall(r"!\[[^]]+\]\(docs/(\S+)\)", (ROOT / READMES[lang]).read_text("utf-8"))
    files = [file_of("fibres", lang, "webp"), *(file_of(name, lang) for name in STILLS[lang])]
    assert shown == [file.name for file in files]
    for file in files:
        assert file.stat().st_size < 1_200_000, "a page of text is opened on a phone too"
        with Image.open(file) as picture:
            assert (getattr(picture, "n_frames", 1) > 20) == (file == files[0])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_written_for_a_class_names_buttons_by_their_words(lang):
    """Set in italics; but for other languages' names, and for what is another's."""
    text = (
        (ROOT / "docs" / ("class.md" if lang == "en" else f"class.{lang}.md")).read_text("utf-8").partition("\n\n")[2]
    )
    named = {*re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text.partition("\n\n")[2])} - {"Create app", "Network URL"}
    every = "\n".join(words_of(lang).under("").values())
    assert len(named) >= 6 and not [name for name in named if name not in every]


def test_what_is_said_of_the_tests_names_tests_that_are_there():
    text = (ROOT / "docs" / "testing.md").read_text("utf-8")
    files = re.findall(r"`((?:\w+/)*\w+\.py)`", text)
    assert len(files) > 20 and not [
        name for name in files if not (ROOT / name).exists() and not (ROOT / "tests" / name).exists()
    ]


def test_every_page_stands_in_the_menu_once_in_its_section():
    assert [name for names in sections().values() for name in names] == [*PAGES]
    assert [*sections()] == [section for section in SECTIONS if section in {page.section for page in PAGES.values()}]


def test_a_section_is_there_once_it_has_a_page(monkeypatch):
    for name in sections()["class"]:
        monkeypatch.delitem(PAGES, name)
    assert "class" not in sections()
    monkeypatch.setitem(PAGES, "lessons", Page("🎓", "class"))
    assert [*sections()][:3] == ["see", "write", "class"] and sections()["class"] == ["lessons"]
