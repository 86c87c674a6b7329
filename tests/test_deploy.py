"""deploy/: two processes behind a real nginx. A reader stays with one, and goes on with the other where it dies."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from core import PRESETS, Scene, presets
from deploy import audit, licences, nginx
from deploy.web import build, bytecode
from pictures.words import words_of
from tests.chromium import free_port, serve, settled
from tests.support import open_page
from ui.live import alone

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
EN = words_of("en")


def test_the_image_holds_every_folder_that_the_app_imports():
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    copied = {line.split()[1] for line in lines if line.startswith("COPY ")}
    modules = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"tests", "bench", "deploy"}
    assert {*modules, "app.py", "content", "models", "pages", ".streamlit", "requirements.txt"} <= copied
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert all(any(rule.removeprefix("!").startswith(name) for rule in let_in) for name in copied)


def test_the_table_of_licences_names_every_requirement():
    rows = re.findall(r"^\| ([^ ]+) \| (.+) \| (.+) \|$", licences.TABLE.read_text("utf-8"), re.MULTILINE)
    said = {name: licence for name, licence, _ in rows[1:]}
    asked = {*map(licences.named, (*licences.required("requirements.txt"), *licences.required("requirements-dev.txt")))}
    assert asked | licences.in_browser() <= {*said}
    spdx = {"MIT", "MIT-CMU", "0BSD", "Zlib", "CC0-1.0", "PSF-2.0", "OpenSSL", "MPL-2.0", "Apache-2.0"}
    spdx |= {f"BSD-{n}-Clause" for n in (2, 3)}
    assert {one for text in said.values() for one in re.split(r" AND | OR |[()]+", text) if one} <= spdx


class Asked:
    """As much of the browser's XMLHttpRequest as is used: `status` for all, and what the folder models/ holds."""

    status, addresses = 200, []

    @classmethod
    def new(cls) -> Asked:
        return cls()

    def open(self, method: str, address: str, later: bool) -> None:
        assert (method, later) == ("GET", False)
        self.addresses.append(address)

    def send(self) -> None:
        if not self.status:
            raise OSError("no network")
        self.response = self

    def to_bytes(self) -> bytes:
        return (ROOT / self.addresses[-1].removeprefix("http://school/fibra/")).read_bytes()


def test_without_a_server_weights_are_fetched_when_their_model_is_chosen(tmp_path, monkeypatch):
    late = [PurePosixPath(name) for name, _ in build.app_files() if build.is_late(name)]
    assert {file.parent.name for file in late} == {name for name in PRESETS if PRESETS[name].trained}
    for file in (ROOT / "models" / "induction").glob("*.json"):
        (tmp_path / "induction").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "induction")
    monkeypatch.setattr(presets, "SHIPPED", tmp_path)
    shipped = presets.Shipped("induction", "Induction", "repeat", "pi ka tu pi ka")
    monkeypatch.setattr(PRESETS, "_given", {**PRESETS._given, "induction": shipped})
    monkeypatch.setattr(presets, "BEFORE_WEIGHTS", [alone.bring])
    monkeypatch.setitem(sys.modules, "js", SimpleNamespace(XMLHttpRequest=Asked))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", SimpleNamespace(JsException=OSError))
    monkeypatch.setenv(alone.BESIDE, "http://school/fibra/")
    for status in (0, 404):
        monkeypatch.setattr(Asked, "status", status)
        at = open_page("attention", Scene(model="induction", sentence="mo le mo le", lang="en"))
        assert [each.value for each in at.warning] == [EN("web.weights")] and not at.exception
    monkeypatch.setattr(Asked, "status", 200)
    at.run()
    assert not at.warning and not at.exception
    assert Asked.addresses[-1] == "http://school/fibra/models/induction/model.safetensors"
    asked = len(Asked.addresses)
    assert shipped.preset().learned and len(Asked.addresses) == asked, "what came is kept"


MODULE = '''"""What it is."""
from dataclasses import dataclass
@dataclass
class Pair:
    """Two."""
    one: int = 1
'''


def compiled_archive(folder: Path, name: str, with_source: bool) -> Path:
    files = {f"{name}/__init__.py": MODULE, f"{name}/template.py": "{{ no Python }}", f"{name}/words.toml": "a = 1"}
    files[f"{name}/__init__.pyi"] = "one: int"
    archive = folder / "archive.zip"
    archive.write_bytes(bytecode.zipped((file, text.encode()) for file, text in files.items()))
    bytecode.compile_archive(archive, with_source)
    return archive


def test_what_a_browser_imports_is_compiled_and_what_a_reader_reads_keeps_its_source(tmp_path, monkeypatch):
    with zipfile.ZipFile(compiled_archive(tmp_path, "read_module", True)) as archive:
        archive.extractall(tmp_path)
    source = tmp_path / "read_module" / "__init__.py"
    assert source.read_text("utf-8") == MODULE and source.with_name("template.py").exists()
    source.write_text(MODULE.replace("1", "2"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("read_module")
    assert module.Pair().one == 1, "what was compiled is taken, whatever stands beside it"
    assert "one: int = 2" in inspect.getsource(module.Pair)


def test_what_nobody_reads_is_compiled_in_its_place_and_without_its_docstrings(tmp_path, monkeypatch):
    archive = compiled_archive(tmp_path, "unread_module", False)
    with zipfile.ZipFile(archive) as inside:
        assert {PurePosixPath(name).name for name in inside.namelist()} == {"__init__.pyc", "template.py", "words.toml"}
    monkeypatch.syspath_prepend(archive)
    module = import_module("unread_module")
    assert module.Pair().one == 1
    assert module.__doc__ == module.Pair.__doc__ == bytecode.NO_DOCSTRING


def test_a_known_vulnerability_is_told_and_what_nobody_knows_of_is_counted():
    flaw = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    packages = [{"name": "a", "version": "1.0", "vulns": [flaw]}, {"name": "b", "version": "1", "vulns": []}]
    packages.append({"name": "c", "skip_reason": "not found"})
    assert audit.verdict({"dependencies": packages}) == (["a 1.0: PYSEC-1, mended in 2.0"], 2, 1)


class Cluster:
    """Two servers, and nginx before them, on ports of its own."""

    def __init__(self, folder: Path):
        self.ports = free_port(), free_port()
        self._running = [ExitStack(), ExitStack()]
        for port, running in zip(self.ports, self._running, strict=True):
            running.enter_context(serve(port=port))
        listens = free_port()
        # Which of the two answered is the test's own question.
        command = nginx.on_loopback(folder, listens, self.ports, "add_header X-From $upstream_addr;")
        self._proxy = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{listens}"
        for _ in range(100):
            try:
                self.ask()
                break
            except OSError:
                time.sleep(0.05)

    def ask(self, cookie: str = "") -> tuple[str, str]:
        """The cookie that a reader is given, and the port of the process that answered."""
        request = urllib.request.Request(f"{self.address}/_stcore/health", headers={"Cookie": cookie} if cookie else {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            cookies = [each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie", [])]
            given = next((each for each in cookies if each.startswith("fibra=")), "")
            return given, answer.headers["X-From"].split(",")[-1].strip().rpartition(":")[2]

    def kill(self, port: int) -> None:
        self._running[self.ports.index(port)].close()

    def close(self) -> None:
        self._proxy.terminate()
        self._proxy.wait(10)
        for running in self._running:
            running.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Cluster]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    cluster = Cluster(tmp_path_factory.mktemp("nginx"))
    yield cluster
    cluster.close()


@pytest.mark.browser
def test_readers_are_spread_and_each_stays_where_it_is(cluster):
    readers = [cluster.ask()[0] for _ in range(20)]
    assert len({*readers}) == 20 and "" not in readers
    homes = [{cluster.ask(cookie)[1] for _ in range(3)} for cookie in readers]
    assert all(len(home) == 1 for home in homes), "a reader comes back to the same process"
    assert min(Counter(port for home in homes for port in home).values()) >= 3
    assert cluster.ask(readers[0])[0] == "", "a cookie is given once"


@pytest.mark.browser
def test_a_process_that_dies_costs_a_reader_nothing(watched, cluster):
    """Under the policy of nginx.conf: what it forbids would be an error in the console, and a failure."""
    page = watched.tab()
    page.goto(f"{cluster.address}/attention?model=gpt&seed=5&lang=en")
    page.wait_for_selector("[data-drawn]")
    settled(page, 250)
    (cookie,) = (each["value"] for each in page.context.cookies() if each["name"] == "fibra")
    asked, port = page.url, int(cluster.ask(f"fibra={cookie}")[1])
    cluster.kill(port)
    page.wait_for_selector("body > .fibra-lost")
    expect(page.locator("body > .fibra-lost")).to_have_count(0, timeout=30_000)
    assert page.url == asked
    page.locator("label", has_text=EN("attention.mask_switch")).click()
    expect(page).to_have_url(re.compile("off=mask"))
    settled(page, 250)
    assert int(cluster.ask(f"fibra={cookie}")[1]) != port
    watched.errors[:] = [error for error in watched.errors if "WebSocket" not in error and "ERR_" not in error]


NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "security.md").read_text("utf-8"))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_what_the_table_of_threats_names_is_there(file, test):
    assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8")
