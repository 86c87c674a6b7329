"""Importing changes nothing of the process; `prepare` does, once, wherever NumPy already is."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SEEN = """
import ctypes, gc, json, os, sys
from pathlib import Path

def threads():
    "What NumPy's OpenBLAS takes; None without NumPy, or with another BLAS."
    numpy = sys.modules.get("numpy")
    for library in Path(numpy.__file__).parent.with_name("numpy.libs").glob("*openblas64*") if numpy else ():
        return ctypes.CDLL(str(library)).scipy_openblas_get_num_threads64_()

tuned = []  # what glibc was told
class Libc(ctypes.CDLL):
    def __getattr__(self, name):
        return (lambda *_: tuned.append(name) or 0) if name.startswith("mall") else super().__getattr__(name)

ctypes.CDLL = Libc

def seen():
    return {"gc": gc.get_threshold(), "frozen": gc.get_freeze_count(), "environment": dict(os.environ),
            "threads": threads(), "tuned": list(tuned)}
"""
EVERYTHING = """
import importlib
for package in ("core", "plots", "pictures", "ui"):
    for path in sorted(Path(package).rglob("*.py")):
        importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
"""


def run(script: str, **environment: str) -> list[dict]:
    """What `script` prints, in a Python of its own that no BLAS variable reaches but those of `environment`."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", SEEN + script],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_importing_every_module_changes_nothing_of_the_process():
    script = f"before = seen()\n{EVERYTHING}\nafter = seen()\nprint(json.dumps(before)); print(json.dumps(after))"
    before, after = run(script)
    added = {name: value for name, value in after["environment"].items() if before["environment"].get(name) != value}
    assert not [name for name in added if "THREADS" in name or "MALLOC" in name]
    assert (after["gc"], after["frozen"], after["tuned"]) == (before["gc"], before["frozen"], [])


def test_prepared_before_numpy_blas_reads_its_environment():
    before, after = run(
        "from ui import process; before = seen(); process.prepare(); import numpy\n"
        "print(json.dumps(before)); print(json.dumps(seen()))"
    )
    assert before["threads"] is None, "nothing has brought NumPy yet"
    assert after["environment"]["OPENBLAS_NUM_THREADS"] == "1" and after["threads"] in (1, None)
    assert after["gc"] == [7000, 10, 3] and after["tuned"] == ["mallopt"] * 3


def test_a_page_that_came_first_is_prepared_all_the_same():
    script = (
        "import numpy; before = seen()\nfrom ui import process\nprocess.prepare(); process.prepare()\n"
        "print(json.dumps(before)); print(json.dumps(seen()))"
    )
    before, after = run(script, OMP_NUM_THREADS="2")
    assert before["tuned"] == []
    assert after["threads"] in (1, None) and after["tuned"] == ["mallopt"] * 3, "once"
    assert after["environment"]["OMP_NUM_THREADS"] == "2", "who asked for more is obeyed"
    (asked,) = run(
        "import numpy\nfrom ui import process; process.prepare()\nprint(json.dumps(seen()))", OPENBLAS_NUM_THREADS="2"
    )
    assert asked["threads"] in (2, None)


def test_the_app_prepares_before_anything_brings_numpy():
    lines = (ROOT / "app.py").read_text("utf-8").splitlines()
    code = "\n".join(lines[: lines.index("process.prepare()")])
    before, after = run(f"{code}\nprint(json.dumps(seen()))\nprocess.prepare()\nprint(json.dumps(seen()))")
    assert before["threads"] is None and after["threads"] in (1, None)


AT_ONCE = """
import ast, pathlib, sys, threading
sys.setswitchinterval(1e-5)
def imports(path):
    body = ast.parse(pathlib.Path(path).read_text("utf-8")).body
    kept = [part for part in body if isinstance(part, (ast.Import, ast.ImportFrom)) or "prepare" in ast.unparse(part)]
    return compile(ast.Module([part for part in kept if "def " not in ast.unparse(part)], []), str(path), "exec")
files = [*sorted(map(str, pathlib.Path("pages").glob("*.py"))), "app.py"] * 2
codes, begin, wrong = [imports(file) for file in files], threading.Barrier(len(files)), []
import streamlit  # the server has it
def visit(code):
    begin.wait()
    try:
        exec(code, {})
    except Exception as error:
        wrong.append(repr(error))
visitors = [threading.Thread(target=visit, args=(code,)) for code in codes]
for visitor in visitors: visitor.start()
for visitor in visitors: visitor.join()
print(json.dumps(wrong))
"""


def test_the_first_visitors_may_come_at_once():
    """Each page may be the one that brings core; where others ask for a part of it meanwhile, Python gives up."""
    (wrong,) = run(AT_ONCE)
    assert wrong == []


def test_every_page_brings_core_whole_before_a_part_of_it():
    for page in sorted((ROOT / "pages").glob("*.py")):
        modules = [part.module for part in ast.parse(page.read_text("utf-8")).body if isinstance(part, ast.ImportFrom)]
        assert next(m for m in modules if m.split(".")[0] in ("core", "plots", "pictures", "ui")) == "core", page.name


def test_what_a_package_of_core_brings_is_asked_of_the_package_first():
    """Who asks for a part alone holds it while Python goes for the package; who has the package waits for the part."""
    core = ROOT / "core"
    packages = {path.parent: path.read_text("utf-8") for path in core.rglob("__init__.py") if path.parent != core}
    brings = {
        folder.relative_to(ROOT).parts: {part.module for part in ast.parse(text).body if _is_own(part)}
        for folder, text in packages.items()
        if folder != core / "scene"  # every page begins with the Scene, whose package that brings whole
    }
    found = []
    for path in core.rglob("*.py"):
        here, whole = path.parent.relative_to(ROOT).parts, set()
        for part in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(part, ast.ImportFrom) or not part.level:
                continue
            asked = (*here[: len(here) - part.level + 1], *(part.module or "").split("."))
            whole.add(asked)
            package, name = asked[:-1], asked[-1]
            if name in brings.get(package, ()) and here[: len(package)] != package and package not in whole:
                found.append((str(path), ".".join(asked)))
    assert not found


def _is_own(part: ast.stmt) -> bool:
    return isinstance(part, ast.ImportFrom) and part.level == 1
