"""A worksheet to be printed: the checks of a page, and the arithmetic of a cell with its last steps left blank; the key
on a sheet of its own. Every sheet has other seeds and sentences, where a check varies."""

from __future__ import annotations

import random
from collections.abc import Callable
from html import escape

import numpy as np

from core import Scene
from core.export import Question
from pictures import chosen_cell, compute, quiz
from pictures.extremes import choice
from pictures.one_head import at_head
from pictures.words import Words

STYLE = """body{font:11pt/1.4 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#000;background:#fff}
h1{font-size:15pt}h2{font-size:12pt}ol.questions>li{margin:0 0 1rem;break-inside:avoid}p{margin:.2rem 0}
ul{list-style:none;padding:0}ul li::before{content:"\\2610\\00a0"}.blank{display:inline-block;min-width:7rem;
border-bottom:1px solid}.at{font-size:8pt;overflow-wrap:anywhere}.at a{color:inherit;text-decoration:none}
li>svg{float:right;width:2cm;margin:0 0 0 .6rem}ol.questions>li::after{content:"";display:block;clear:both}
.steps{break-inside:avoid}article+article,.key{break-before:page}bdi{font-weight:600}
@media print{body{margin:0;max-width:none}}"""


def worksheet(
    page: str, scene: Scene, words: Words, sheets: int, address: str = "", code: Callable[[str], str] = lambda _: ""
) -> bytes:
    """So many different sheets, and after them their keys, as one HTML file.

    `address`: of the app. Most questions are about numbers of another model than the one on screen, which paper does
    not have: each says where they are, by its address and the `code` of that as SVG.
    """
    made = [_sheet(page, scene, words, number, address, code) for number in range(sheets)]
    title = words("worksheet.title", page=words(f"pages.{page}"))
    bodies = "".join(f"<article>{task}</article>" for task, _ in made) + "".join(
        f'<article class="key">{key}</article>' for _, key in made
    )
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="{words.lang}"><head>{head}</head><body>{bodies}</body></html>'.encode(
        "utf-8", "replace"
    )


def _sheet(
    page: str, scene: Scene, words: Words, number: int, address: str, code: Callable[[str], str]
) -> tuple[str, str]:
    """(what is asked, its key), as HTML."""
    title = escape(words("worksheet.title", page=words(f"pages.{page}")))
    which = escape(words("worksheet.sheet", n=number + 1))
    draw = random.Random(number)
    asked = quiz.variant(page, words, number)
    links = quiz.places(page, words, number, address)
    questions = "".join(
        f"<li>{_asked(question, draw, link, code)}</li>" for question, link in zip(asked, links, strict=True)
    )
    answers = "".join(f"<li>{_answer(question, words)}</li>" for question in asked)
    steps = _cells(scene, number) if page in ("attention", "start") else []
    blanks = "".join(_steps(cell, words, blank) for blank, cell in enumerate(steps, 1))
    solved = "".join(_steps(cell, words, 0) for cell in steps)
    by_hand = f"<h2>{escape(words('worksheet.by_hand'))}</h2>" if steps else ""
    name = f'<p>{escape(words("worksheet.name"))} <span class="blank" style="min-width:18rem"></span> · {which}</p>'
    task = f'<h1>{title}</h1>{name}<ol class="questions">{questions}</ol>{by_hand}{blanks}'
    key = f"<h1>{title} · {escape(words('worksheet.key'))}</h1><p>{which}</p><ol>{answers}</ol>{by_hand}{solved}"
    return task, key


def _asked(question: Question, draw: random.Random, link: str, code: Callable[[str], str]) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in question.text.splitlines())
    if link:
        text = f'{code(link)}{text}<p class="at"><a href="{escape(link)}">{escape(link)}</a></p>'
    if not question.options:
        return f'{text}<p><span class="blank"></span></p>'
    options = draw.sample(question.options, len(question.options))
    return f"{text}<ul>{''.join(f'<li>{escape(option)}</li>' for option in options)}</ul>"


def _answer(question: Question, words: Words) -> str:
    right = question.options[0] if question.options else words.short(question.number)
    return f"<p><b>{escape(right)}</b></p><p>{escape(question.reason)}</p>"


# ------------------------------------------------------------------------------------------------- faded arithmetic


def _cells(scene: Scene, number: int) -> list[Scene]:
    """Three cells of the chosen row, others on every sheet; none of a row whose numbers are no longer finite."""
    run, (query, key) = compute.run(scene), scene.cell
    names = ("scores", "scores_scaled", "pattern")
    if not all(np.isfinite(at_head(run, scene, name)[query]).all() for name in names):
        return []
    seen = query + 1 if scene.config.causal else len(scene.tokens)
    keys = dict.fromkeys((key + number + i) % seen for i in range(3))
    return [scene.turn(key=each) for each in keys]


def _steps(scene: Scene, words: Words, blank: int) -> str:
    """The steps to a cell's weight, the last `blank` of them without results; what follows from a blank has no numbers,
    for they would tell it."""
    lines = chosen_cell.cell(scene, words)
    first = len(lines) - blank
    query, key = (f"<bdi>{escape(choice(scene.tokens, place, words))}</bdi>" for place in scene.cell)
    rows = []
    for place, line in enumerate(lines):
        numbers = f" = {line.numbers}" if place <= first else ""
        result = f"<b>{line.result}</b>" if place < first else '<span class="blank"></span>'
        rows.append(f"<p>{line.formula}{numbers} = {result}</p>")
    return f'<div class="steps"><p>{query} → {key}</p>{"".join(rows)}</div>'
