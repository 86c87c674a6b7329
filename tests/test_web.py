"""The app without any server: built, opened in real Chromium, turned, and opened again with nobody there to ask."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page, expect

from deploy.web.build import build
from deploy.web.serve import hosted
from pictures.words import words_of
from tests.chromium import go_to

EN = words_of("en")
LONG = 300_000  # ms: Python is compiled and started in the browser, on a machine that may be busy
TURNS = 12  # a page

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """dist/web, from the registries or what was fetched from them before."""
    out = tmp_path_factory.mktemp("web")
    try:
        build(out, Path.home() / ".cache" / "fibra-web")
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"npm or PyPI cannot be reached: {error}")
    return out


def test_nothing_is_compiled_in_the_browser(folder):
    archives = [folder / "app.zip", folder / "pyodide" / "python_stdlib.zip", *folder.rglob("*.whl")]
    assert len(archives) > 15
    for archive in archives:
        with zipfile.ZipFile(archive) as inside:
            names = {*inside.namelist()}
        sources = {PurePosixPath(name) for name in names if name.endswith(".py")}
        cached = {f"{path.parent / '__pycache__' / path.stem}.cpython-313.pyc" for path in sources}
        assert cached <= names, archive.name


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Of a static host."""
    with hosted(folder) as address:
        yield address


def settled_on(page: Page, name: str) -> None:
    expect(page.locator("h1.fibra-title")).to_have_text(EN(f"{name}.title"), timeout=LONG)
    page.wait_for_selector("[data-drawn]", timeout=LONG)


def test_it_runs_without_a_server_and_opens_again_without_a_network(watched, address):
    page = watched.tab(locale="en")
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlparse(request.url).netloc))
    page.goto(f"{address}/attention?model=gpt&lang=en")
    expect(page.locator("#doing")).to_contain_text(re.compile("MB|Python"))
    settled_on(page, "attention")
    assert not page.locator("#opening").count()
    page.locator(".st-key-menu").get_by_role("link", name=EN("pages.lessons"), exact=True).click()
    expect(page.locator("h1.fibra-title")).to_have_text(EN("lessons.title"), timeout=LONG)
    page.go_back()
    settled_on(page, "attention")
    for name in ("reading", "fibres", "drift", "block", "attention"):
        page.locator(".st-key-menu").get_by_role("link", name=EN(f"pages.{name}"), exact=True).click()
        settled_on(page, name)
        seed = page.get_by_role("spinbutton", name=EN("shell.seed"))
        for _ in range(TURNS):
            before = page.url
            seed.press("ArrowUp")
            page.wait_for_function("before => location.href !== before", arg=before, timeout=LONG)
    assert f"seed={5 * TURNS}" in page.url
    page.go_back()
    expect(seed).to_have_value(f"{5 * TURNS - 1}", timeout=LONG)
    page.go_forward()
    expect(seed).to_have_value(f"{5 * TURNS}", timeout=LONG)
    page.wait_for_function("window.fibraKept === 'kept'", timeout=LONG)
    assert asked <= {urlparse(address).netloc, ""}, "nothing is asked of anybody else"
    page.context.set_offline(True)
    page.reload()
    settled_on(page, "attention")
    assert f"seed={5 * TURNS}" in page.url
    go_to(page, f"{address}/attention?model=alice&lang=en")  # whose weights were not asked for before
    expect(page.get_by_test_id("stMain")).to_contain_text("beginning", timeout=LONG)
    page.context.set_offline(False)
