"""What is fetched from npm and PyPI by name, and kept in a cache."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path


def npm(spec: str, cache: Path) -> Path:
    """The unpacked package of npm's registry, e.g. "pyodide@0.29.3"."""
    folder = cache / spec.replace("/", "-").strip("@")
    if not (folder / "package").exists():
        (name,) = called("npm", "pack", "--silent", spec, cwd=cache).split()
        with tarfile.open(cache / name) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package"


def wheels(requirements: Iterable[str], folder: Path, python_version: str) -> None:
    """Have the wheels of these requirements in `folder`, by PyPI's names."""
    missing = [each for each in requirements if not [*folder.glob(pattern(each.partition("==")[0]))]]
    if missing:
        target = ("--only-binary=:all:", "--platform", "any", "--python-version", python_version, "-d", folder)
        called(sys.executable, "-m", "pip", "download", "--no-deps", *target, *missing, cwd=folder.parent)


def pattern(name: str) -> str:
    """What the files of a package are called."""
    return f"{name.replace('-', '_')}-[0-9]*"


def called(*command: object, cwd: Path) -> str:
    """What the command prints. Raises: subprocess.CalledProcessError, FileNotFoundError."""
    return subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True).stdout
