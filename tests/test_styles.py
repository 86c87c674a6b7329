"""The style sheets place things by name: what is added to a page can't silently move what stands there."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from core import Config, Scene
from pictures.pages import PAGES
from ui import shell

ROOT = Path(__file__).parents[1]
SHEETS = sorted((ROOT / "ui").rglob("*.css"))
STREAMLITS = {"streamlit.css", "files.css", "print.css"}  # what names Streamlit's own elements, which are private
MODULES = [path for name in ("ui", "pages", "pictures") for path in sorted((ROOT / name).rglob("*.py"))]
KNOBS = {field.name for kind in (Scene, Config) for field in fields(kind)} | {"coordinate"}  # of an embedding
AREA = re.compile(r"grid-area:\s*([a-z][\w-]*)\s*[;}]")


@cache
def said() -> set[str]:
    """Every text in the code, whole, or a part of a key; and the builders' names, by which figures are called."""
    nodes = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    builders = {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.decorator_list}
    return texts | builders | {part for text in texts if " " not in text for part in text.split("-")}


def rules(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.S)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SHEETS, ids=named)
def test_nothing_is_placed_by_its_number(path):
    assert not re.findall(r":nth-[\w-]+|(?<![\w-])order:[^;}]*|--(?:seat|pair|row|k)\s*:", rules(path))
    placed = [
        rule for rule in re.findall(r"[^{}]*\{[^{}]*\}", rules(path)) if re.search(r"grid-(area|row|column):", rule)
    ]
    assert not [rule for rule in placed if re.search(r"st-key-[^{]*:(first|last|only)-child", rule)]
    for area in re.findall(r"grid-(?:area|row|column):\s*([^;}]+)", rules(path)):
        assert path.name == "strip.css" or area.strip() == "1 / -1" or not re.search(r"\d|calc|var\(", area), area


@pytest.mark.parametrize("path", SHEETS, ids=named)
def test_every_area_is_in_a_grid_and_every_grid_s_areas_are_taken(path):
    grids = re.findall(r'"([^"]*)"', "".join(re.findall(r"grid-template(?:-areas)?:([^;}]*)", rules(path))))
    there = {name for row in grids for name in row.split()} - {"."}
    rest = {"switches", "moment"}  # what takes the one place that is left
    assert {*AREA.findall(rules(path))} == there - rest


@pytest.mark.parametrize("path", SHEETS, ids=named)
def test_only_these_sheets_name_what_is_streamlit_s(path):
    found = re.findall(r"\.st[A-Z]\w*|data-testid|data-stale|data-baseweb|data-variant|emotion", rules(path))
    assert bool(found) == (path.name in STREAMLITS), found


@pytest.mark.parametrize("path", SHEETS, ids=named)
def test_every_key_and_figure_that_a_sheet_names_is_said_in_the_code(path):
    """A renamed knob or figure must not lose its place in silence."""
    keys = {*re.findall(r"st-key-([\w-]+)", rules(path)), *re.findall(r'data-figure="([\w-]+)"', rules(path))}
    for key in keys:
        key = key.strip("-")
        if knob := key.removeprefix("knob-") * key.startswith("knob-"):
            assert knob in KNOBS, f"{named(path)} places {knob}, which is no knob"
            continue
        parts = key.removeprefix("board-").split("-")
        unsaid = [part for part in parts if key not in said() and part not in said() and part not in "xqkv"]
        assert not unsaid, f"{named(path)} places {key}, which nobody draws"


@pytest.mark.parametrize("path", SHEETS, ids=named)
def test_a_knob_is_named_by_how_its_key_begins(path):
    """What its options are called, and how often it was mounted anew, stand behind it."""
    assert not re.findall(r"\.st-key-knob-[\w-]+", rules(path))


def test_a_page_gets_its_own_sheet_and_the_shell_s():
    for page in PAGES:
        css = shell._css(page)
        own = ROOT / "ui" / page / f"{page}.css"
        assert ".fibra-title" in css and (not own.is_file() or own.read_text("utf-8") in css)
    places = {path for path in SHEETS if path.parent.name in PAGES and path.name != "strip.css"}
    assert all(path.stem == path.parent.name for path in places)
