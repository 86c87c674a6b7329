"""Write docs/licences.md: what Fibra stands on, and under which licences.

    python -m deploy.licences

What is installed says it itself (importlib.metadata); the parts of the build without a server, which no server has, are
named here, as their registries list them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from deploy.web import build

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "licences.md"
# What packages that give no SPDX expression are: by their classifier, or by what they write in its place.
SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Of the build without a server (deploy/web/build.py): what is neither in requirements.txt nor below it.
BROWSER = {
    "@stlite/browser": "Apache-2.0",
    "pyodide": "MPL-2.0",
    "libopenssl": "OpenSSL",
    "ssl": "PSF-2.0",
    "blinker": "MIT",
    "micropip": "MPL-2.0",
    "pyodide-http": "MIT",
    "fastparquet": "Apache-2.0",
}
HEAD = """# What Fibra stands on

Fibra is under the MIT licence. It copies none of what is listed here; a server, or a reader's browser, installs it.
Written by `python -m deploy.licences`; `tests/test_deploy.py` holds that no requirement is missing. MPL-2.0 asks that
changes to *its* files be published; the one file that is changed, Pyodide's glue, has one word altered by
`deploy/web/build.py`, which says so.

| package | licence | needed by |
|---|---|---|
"""


def named(line: str) -> str:
    """The name of a requirement, as PEP 503 writes it: "streamlit[performance]>=1.62" -> "streamlit"."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~;\s]", line, maxsplit=1)[0]).lower()


def required(file: str) -> Iterator[str]:
    """The requirements of a file, line by line."""
    for line in (ROOT / file).read_text("utf-8").splitlines():
        if (line := line.partition("#")[0].strip()) and not line.startswith("-"):
            yield line


def below(lines: Iterator[str]) -> list[str]:
    """The names of these requirements and of all that they need here, each once."""
    found: list[str] = []
    waiting = [(named(line), extras(line)) for line in lines]
    while waiting:
        name, wanted = waiting.pop(0)
        if name in found:
            continue
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # of another platform
        found.append(name)
        for need in needs:
            needed_for = re.search(r"extra *== *['\"]([^'\"]+)", need)
            if needed_for is None or needed_for[1] in wanted:
                waiting.append((named(need), extras(need)))
    return found


def extras(line: str) -> set[str]:
    inside = re.match(r"[\w.-]+\[([^]]*)\]", line)
    return set(re.split(r" *, *", inside[1])) if inside else set()


def licence(name: str) -> str:
    """What an installed package says of itself, as SPDX. Raises LookupError where it says nothing that is known."""
    about = distribution(name).metadata
    written = (about.get("License") or "").splitlines()[:1]
    kinds = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License")]
    if said := about.get("License-Expression"):
        return said
    short = [text for text in written if len(text) < 40 and (text in SPDX or re.fullmatch(r"[A-Z][\w. -]+", text))]
    for text in [*short, *kinds]:
        if found := SPDX.get(text, text if text in short else ""):
            return found
    raise LookupError(f"{name} does not say under which licence it stands")


def rows() -> Iterator[tuple[str, str, str]]:
    """(package, licence, what needs it)."""
    app = below(required("requirements.txt"))
    yield from ((name, licence(name), "the app") for name in sorted(app))
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]["redis"]
    rooms = [name for name in below(iter(extra)) if name not in app]
    yield from ((name, licence(name), "rooms that several processes share") for name in sorted(rooms))
    for name in sorted(in_browser() - {*app}):
        yield name, BROWSER[name], "the build without a server"
    tools = [name for name in below(required("requirements-dev.txt")) if name not in {*app, *rooms}]
    yield from ((name, licence(name), "tests and benches") for name in sorted(tools))


def in_browser() -> set[str]:
    """What the build without a server holds, and the two packages that carry it."""
    parts = [build.STLITE.rpartition("@")[0], build.PYODIDE.rpartition("@")[0], *build.COMPILED, *build.STAND_INS]
    return {*parts, *map(named, build.PURE)}


def main() -> None:
    lines = (f"| {name} | {said} | {use} |\n" for name, said, use in rows())
    TABLE.write_text(HEAD + "".join(lines), "utf-8")


if __name__ == "__main__":
    main()
