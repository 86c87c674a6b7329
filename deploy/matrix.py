"""Whether Fibra runs on the lowest and the newest versions that it says it supports, on each Python that is here.

    python -m deploy.matrix                       # every row, before a release: some minutes each
    python -m deploy.matrix --only lowest-3.11

Each row has a virtual environment of its own in a folder that is kept (--cache). What came of it is written to
docs/versions.md, row by row: a row that was not run stays as it was.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.licences import required

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "versions.md"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SHOWN = ("streamlit", "numpy", "pandas", "plotly")
# core against what PyTorch computed, every page in AppTest, and every guard of what is private in Streamlit and Plotly.
TESTS = ("tests/test_parity.py", "tests/test_app.py", "tests/test_pages.py", "tests/test_internals.py")
TOOLS = re.compile(r"^(pytest|hypothesis|playwright|safetensors|nbformat)", re.MULTILINE)
HEAD = """# Versions that were tried

The lowest that `requirements.txt` allows, and the newest that pip finds within it, on each Python that the machine has:
`python -m deploy.matrix` (core against PyTorch's numbers, every page in AppTest, every guard of what is private in
Streamlit and Plotly; no browser). The rest of the tests run on one of them, in `make test`.

| | Python | Streamlit | NumPy | pandas | Plotly | when | result |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One environment: `versions` is "lowest" or "newest"."""

    versions: str
    python: str

    @property
    def name(self) -> str:
        return f"{self.versions}-{self.python}"

    def requirements(self) -> list[str]:
        """What is installed: of the app's own requirements, and of the tools that the tests need."""
        app = [*required("requirements.txt")]
        if self.versions == "lowest":
            app = [lowest(line) for line in app]
        return [*app, *filter(TOOLS.match, required("requirements-dev.txt"))]


def lowest(line: str) -> str:
    """The lowest versions of a requirement: "numpy>=2.2,<3" -> "numpy==2.2.*"."""
    return re.sub(r">=([\d.]+).*", r"==\1.*", line)


def rows() -> list[Row]:
    """The lowest on the oldest Python, the newest on all."""
    return [Row("lowest", PYTHONS[0]), *(Row("newest", python) for python in PYTHONS)]


def interpreter(python: str) -> str | None:
    """A Python of this minor version, of the path's or of pyenv's; None without one."""
    own = sorted((Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python"))
    return str(own[-1]) if own else shutil.which(f"python{python}")


def run(row: Row, cache: Path) -> str:
    """The row as the table has it."""
    python = interpreter(row.python)
    if python is None:
        return f"| {row.versions} | {row.python} | | | | | | not to be had on this machine |"
    here = cache / row.name
    subprocess.run([python, "-m", "venv", "--clear", here], check=True)
    pip = [here / "bin" / "python", "-m", "pip"]
    installed = subprocess.run([*pip, "install", "--quiet", *row.requirements()], capture_output=True, text=True)
    if installed.returncode:
        result, versions = f"not installed: {installed.stderr.strip().splitlines()[-1]}", [""] * len(SHOWN)
    else:
        command = [here / "bin" / "python", "-m", "pytest", "-q", "-m", "not browser", "-p", "no:cacheprovider", *TESTS]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        (cache / f"{row.name}.txt").write_text(done.stdout, "utf-8")
        result = re.sub(r" in .*|=", "", done.stdout.strip().rpartition("\n")[2]).strip()
        frozen = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout
        found = dict(line.split("==") for line in frozen.splitlines() if "==" in line)
        versions = [found.get(name, "") for name in SHOWN]
    when = datetime.now(UTC).date().isoformat()
    return f"| {row.versions} | {row.python} | {' | '.join(versions)} | {when} | {result} |"


def main() -> int:
    """Run the rows that the command line names, and put each into the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=[row.name for row in rows()], default=[row.name for row in rows()])
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "fibra-matrix")
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    before = TABLE.read_text("utf-8").splitlines() if TABLE.exists() else []
    kept = {tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in before if line.startswith("| ")}
    for row in rows():
        if row.name in asked.only:
            kept[row.versions, row.python] = line = run(row, asked.cache)
            print(line, flush=True)
            table = [kept[each.versions, each.python] for each in rows() if (each.versions, each.python) in kept]
            TABLE.write_text(HEAD + "\n".join(table) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
