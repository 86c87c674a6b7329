"""The glossary explains every array of the trace and every term, in both languages."""

from __future__ import annotations

import re
from html import escape

import pytest

from core import NAMES
from pictures import glossary
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of

DRAW = [name for name, page in PAGES.items() if page.section in ("see", "write")]  # pages of pictures


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_name_of_the_trace_is_there(lang):
    words = words_of(lang)
    listed = glossary.names(words)
    for name, about in NAMES.items():
        own = name.removeprefix("encoder.")
        assert f"`{own}` ${NAMES[own].symbol}$" in listed and own in NAMES, name
        assert f"[{', '.join(about.axes)}]" in listed and glossary.cited(about.source, words) in listed, name
        assert len(words(f"glossary.names.{glossary.entry(name)}")) > 15, name


def test_a_source_is_cited_in_the_reader_s_language():
    """Portuguese pages said *section 3.4*."""
    assert glossary.cited("Vaswani et al. 2017, section 3.4", words_of("pt-BR")) == "Vaswani et al. 2017, seção 3.4"
    for about in NAMES.values():
        there = glossary.cited(about.source, words_of("pt-BR"))
        assert glossary.cited(about.source, words_of("en")) == about.source
        assert not {*re.findall(r"\b[a-z]{3,}", about.source)} & {*re.findall(r"\b[a-z]{3,}", there)}, there


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_term_is_there_once_and_in_order(lang):
    words = words_of(lang)
    lines = glossary.terms(words).splitlines()
    found = [line.removeprefix("- **").partition(".**")[0] for line in lines]
    assert len(found) == len({*found}) == len(glossary.TERMS)
    assert found == sorted(found, key=str.casefold)
    assert "W\\_Q" in glossary.terms(words), "an underscore is no emphasis"


@pytest.mark.parametrize("name", PAGES)
def test_the_prose_links_each_of_its_terms_once_and_each_link_has_its_entry(name):
    english, portuguese = (glossary.linked(name, words_of(lang)) for lang in ("en", "pt-BR"))
    assert {*english} == {*portuguese} <= {*glossary.TERMS}
    assert len(english) == len({*english}) and len(portuguese) == len({*portuguese})
    assert bool(english) == (name in DRAW), "what explains a picture has words that open"
    for lang, terms in (("en", english), ("pt-BR", portuguese)):
        html = glossary.here(name, words_of(lang))
        assert re.findall(r'data-term="(\w+)"', html) == terms and html.count("<details") == len(terms)
        assert all(escape(words_of(lang)(f"glossary.means.{term}")) in html for term in terms)
