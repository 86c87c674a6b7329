"""Compiles the Python of archives in the very Python that will import it: bytecode.mjs runs this, in Pyodide.

A browser keeps nothing of what was compiled, so each visit compiled all that it imported anew.
"""

from __future__ import annotations

import ast
import io
import marshal
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

UNCHECKED = (1).to_bytes(4, "little") + bytes(8)  # in a .pyc: nobody looks whether its source has changed (PEP 552)
DATE = (2026, 1, 1, 0, 0, 0)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
UNREAD = (".pyi", ".pxd", ".h", ".c", ".a")
NO_DOCSTRING = " "  # for an empty one dataclasses would write their own, and without one NumPy is not imported


def compile_archive(path: Path, with_source: bool) -> None:
    """Write beside each module of the archive what it compiles to, without docstrings; or in its place, where nobody
    reads the source."""
    with zipfile.ZipFile(path) as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
        parts = [part for name in files for part in parts_of(name, archive.read(name), with_source)]
    path.write_bytes(zipped(parts))


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of these files; of equal ones an equal one."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def parts_of(name: str, data: bytes, with_source: bool) -> Iterator[tuple[str, bytes]]:
    """The files that stand for one of an archive; none for what only compilers and checkers of types read."""
    if name.endswith(UNREAD):
        return
    code = compiled(name, data) if name.endswith(".py") else None
    if with_source or code is None:
        yield name, data
    if code is not None:
        yield cache_from_source(name, optimization="") if with_source else f"{name}c", code


def compiled(name: str, source: bytes) -> bytes | None:
    """A module's .pyc. None for what is a template, and no Python."""
    try:
        tree = ast.parse(source, name)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body[0].value.value = NO_DOCSTRING
    code = compile(tree, name, "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + UNCHECKED + marshal.dumps(code)
