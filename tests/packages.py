"""Real packages as proof, fetched from the package registry once a test run, and never installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REACHED = 240  # seconds; the largest has 90 MB


def fetched(package: str, folder: Path) -> Path:
    """The wheel of a package, such as glassllm==0.1.0.

    Where the registry cannot be reached the test is skipped, and says so; in CI it fails.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=REACHED, check=False)
        why = done.stderr.strip()[-300:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        why = f"not within {REACHED} s"
    if why:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{package} cannot be fetched: {why}")
    (wheel,) = folder.glob("*.whl")
    return wheel
