"""Questions as Moodle XML (https://docs.moodle.org/en/Moodle_XML_format): tolerance, feedback and tags come along."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from xml.etree import ElementTree

from .quiz import Question

UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 has no way to write
PENALTY = "0.3333333"  # Moodle's own, for each wrong try


def moodle_xml(questions: Iterable[Question], category: str) -> bytes:
    """The questions in a category of the course's question bank."""
    quiz = ElementTree.Element("quiz")
    folder = ElementTree.SubElement(quiz, "question", type="category")
    _text(folder, "category", f"$course$/{category.replace('/', '//')}")  # a stroke would begin a folder below
    for question in questions:
        _question(quiz, question)
    ElementTree.indent(quiz)
    return ElementTree.tostring(quiz, encoding="utf-8", xml_declaration=True)


def _question(quiz: ElementTree.Element, question: Question) -> None:
    node = ElementTree.SubElement(quiz, "question", type="multichoice" if question.options else "numerical")
    _text(node, "name", question.name)
    _html(node, "questiontext", question.text)
    _html(node, "generalfeedback", question.reason)
    settings = {"defaultgrade": "1", "penalty": PENALTY, "hidden": "0"}
    if question.options:
        settings |= {"single": "true", "shuffleanswers": "true", "answernumbering": "abc"}
    for name, value in settings.items():
        ElementTree.SubElement(node, name).text = value
    for place, option in enumerate(question.options):
        _html(node, "answer", option, fraction="0" if place else "100")
    if not question.options:
        answer = _text(node, "answer", repr(question.number), fraction="100", format="moodle_auto_format")
        ElementTree.SubElement(answer, "tolerance").text = repr(question.tolerance)
    tags = ElementTree.SubElement(node, "tags")
    for tag in question.tags:
        _text(tags, "tag", tag)


def _text(parent: ElementTree.Element, name: str, text: str, **about: str) -> ElementTree.Element:
    node = ElementTree.SubElement(parent, name, about)
    ElementTree.SubElement(node, "text").text = UNWRITABLE.sub("\ufffd", text)
    return node


def _html(parent: ElementTree.Element, name: str, text: str, **about: str) -> None:
    """A text whose lines are paragraphs, and in which nothing is markup."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in text.splitlines())
    _text(parent, name, lines, format="html", **about)
