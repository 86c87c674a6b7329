"""The glossary explains every array of the trace and every term, in both languages."""

from __future__ import annotations

import pytest

from core import NAMES
from pictures import glossary
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_name_of_the_trace_is_there(lang):
    words = words_of(lang)
    listed = glossary.names(words)
    for name, about in NAMES.items():
        own = name.removeprefix("encoder.")
        assert f"`{own}` ${NAMES[own].symbol}$" in listed and own in NAMES, name
        assert f"[{', '.join(about.axes)}]" in listed and about.source in listed, name
        assert len(words(f"glossary.names.{glossary.entry(name)}")) > 15, name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_term_is_there_once_and_in_order(lang):
    words = words_of(lang)
    lines = glossary.terms(words).splitlines()
    found = [line.removeprefix("- **").partition(".**")[0] for line in lines]
    assert len(found) == len({*found}) == len(glossary.TERMS)
    assert found == sorted(found, key=str.casefold)
    assert "W\\_Q" in glossary.terms(words), "an underscore is no emphasis"


def test_every_page_that_draws_has_words_that_open():
    for name in {*PAGES} - {"glossary", "lessons", "models"}:
        terms = glossary.ON_PAGE.get(name, ())
        assert {*terms} <= {*glossary.TERMS}, name
        html = glossary.here(name, words_of("pt-BR"))
        assert html.count("<details>") == len(terms)
    assert glossary.here("glossary", words_of("en")) == ""
    assert {*glossary.ON_PAGE} <= {*PAGES}
