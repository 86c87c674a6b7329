"""The house rules that a reader of one file cannot see: who imports whom, and what no file may do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core import PRESETS, interpret
from core.weights import FAMILIES

ROOT = Path(__file__).parents[1]
LAYERS = ["core", "plots", "pictures", "ui", "pages", "app"]  # each may import those to its left, and itself
OUTSIDE = {  # besides the standard library
    "core": {"numpy"},
    "plots": {"numpy"},
    "pictures": {"numpy"},
    "ui": {"numpy", "pandas", "plotly", "segno", "starlette", "streamlit"},
    "pages": {"numpy", "pandas", "streamlit"},
    "app": {"streamlit"},
}
# Used where installed; no module needs them to load.
OPTIONAL = {"core": {"tokenizers"}, "plots": {"orjson"}, "ui": {"redis", "huggingface_hub", "js", "pyodide"}}
MODELS = {*PRESETS, *FAMILIES}


def files(layer: str) -> list[Path]:
    return [ROOT / "app.py"] if layer == "app" else sorted((ROOT / layer).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(node: ast.AST, path: Path) -> Iterator[str]:
    """Every module that is imported anywhere in `node` of the file at `path`, dotted; `from a import b` is a.b."""
    package = path.parent.relative_to(ROOT).parts
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            above = package[: len(package) + 1 - part.level] if part.level else ()
            module = ".".join((*above, part.module) if part.module else above)
            yield from (f"{module}.{alias.name}" for alias in part.names)


def bare(module: ast.Module, path: Path) -> set[str]:
    """The imports that run when the module is imported, and that no `except ImportError` catches."""
    return {name for statement in module.body if not guards(statement) for name in imports(statement, path)}


def guards(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Try):
        return any("ImportError" in ast.dump(handler) for handler in statement.handlers)
    if isinstance(statement, ast.With):
        return any("suppress(ImportError)" in ast.unparse(item) for item in statement.items)
    return isinstance(statement, (ast.FunctionDef, ast.ClassDef))


# A test takes a room: one for each of some four hundred files took as long to deal out as to run.
ROOMS = [(layer, room) for layer in LAYERS for room in sorted({path.parent for path in files(layer)})]
EVERY = pytest.mark.parametrize(("layer", "room"), ROOMS, ids=lambda value: named(value))


def named(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def of(layer: str, room: Path) -> list[Path]:
    """The files of a room, without those of the rooms within."""
    return [path for path in files(layer) if path.parent == room]


@EVERY
def test_imports_run_one_way(layer, room):
    allowed = {*LAYERS[: LAYERS.index(layer) + 1], *OUTSIDE[layer], *sys.stdlib_module_names, "__future__"}
    for path in of(layer, room):
        module = tree(path)
        for name in imports(module, path):
            top = name.partition(".")[0]
            if top in OPTIONAL.get(layer, ()):
                assert name not in bare(module, path), f"{named(path)}: {name} may be missing"
            else:
                assert top in allowed, f"{named(path)} imports {name}"
            if layer == "plots" and top == "core":
                allow = ("core.limits", "core.tokenizer.graphemes")  # arrays and labels
                assert name.startswith(allow), f"{named(path)} imports {name}; plots draw arrays, not models"
            if layer == "pages":
                assert top != "pages", f"{named(path)} imports {name}; pages do not know each other"


@EVERY
def test_only_core_imports_relatively(layer, room):
    """`core` is installed under another name, so it never says its own; elsewhere a relative import hides its end."""
    for path in of(layer, room):
        for part in ast.walk(tree(path)):
            said = f"{named(path)}: {ast.unparse(part)}" if isinstance(part, (ast.ImportFrom, ast.Import)) else ""
            if isinstance(part, ast.ImportFrom):
                own = (part.module or "").partition(".")[0] == "core"
                assert not (part.level == 0 and own) if layer == "core" else part.level == 0, said
            elif isinstance(part, ast.Import) and layer == "core":
                assert not any(alias.name.partition(".")[0] == "core" for alias in part.names), said


@EVERY
def test_core_interpret_comes_in_by_its_face(layer, room):
    for path in of(layer, room) if layer != "core" else ():
        found = {name for name in imports(tree(path), path) if name.startswith("core.interpret.")}
        assert found <= {f"core.interpret.{name}" for name in interpret.__all__}, f"{named(path)}: {found}"


@EVERY
def test_no_threads_processes_or_sleep(layer, room):
    """A session's thread is Streamlit's. A Lock between sessions is no thread."""
    forbidden = {"multiprocessing", "concurrent", "asyncio", "subprocess", "_thread", "signal", "threading"}
    for path in of(layer, room):
        module = tree(path)
        for name in imports(module, path):
            allowed = name.partition(".")[0] not in forbidden or name == "threading.Lock"
            assert allowed, f"{named(path)} imports {name}"
        for part in ast.walk(module):
            text = ast.unparse(part) if isinstance(part, (ast.Attribute, ast.ImportFrom)) else ""
            assert text not in ("time.sleep", "from time import sleep", "os.fork", "os.system"), (
                f"{named(path)}: {text}"
            )


@EVERY
def test_nothing_is_unpickled_or_evaluated(layer, room):
    forbidden = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "torch", "cloudpickle"}
    for path in of(layer, room):
        module = tree(path)
        for name in imports(module, path):
            assert name.partition(".")[0] not in forbidden, f"{named(path)} imports {name}"
        for part in ast.walk(module):
            if isinstance(part, ast.Call):
                called, loads = ast.unparse(part.func), ("np.load", "numpy.load", "pd.read_pickle")
                assert called not in ("eval", "exec", *loads), f"{named(path)}: {called}"
                assert all(keyword.arg != "allow_pickle" for keyword in part.keywords), named(path)


COMPUTING = [
    ROOT / "core" / f"{name}.py"
    for name in (
        *("model", "backward", "config", "params", "input_checks", "interventions", "activations", "trace"),
        *("gradient_flow", "train/loop", "backward_needs", "reference"),
    )
]
COMPUTING += sorted((ROOT / "core" / "generate").glob("*.py"))
COMPUTING += [path for room in ("ops", "explain") for path in sorted((ROOT / "core" / room).glob("*.py"))]


@pytest.mark.parametrize("path", COMPUTING, ids=named)
def test_the_computation_asks_for_no_model_s_name(path):
    for part in ast.walk(tree(path)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            assert part.value not in MODELS, f"{named(path)}:{part.lineno} names {part.value}"


@EVERY
def test_no_loose_ends(layer, room):
    for path in of(layer, room):
        text = path.read_text("utf-8")
        assert not any(mark in text for mark in ("TODO", "FIXME", "XXX", "NotImplementedError")), named(path)


def test_every_layer_is_there():
    assert all(files(layer) for layer in LAYERS)
    assert {path for place in ROOMS for path in of(*place)} == {path for layer in LAYERS for path in files(layer)}
    assert len(files("core")) > 15
