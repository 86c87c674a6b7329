"""Ask which installed packages have known vulnerabilities: pip-audit, which asks the Python package index.

    python -m deploy.audit

The exit code is 1 where a vulnerability is known. Where pip-audit is not installed, or the index does not answer, that
is said; a mirror of it may know of no vulnerability at all: then it is said how many packages could not be asked about.
Neither is a failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def verdict(found: dict[str, Any]) -> tuple[list[str], int, int]:
    """Of pip-audit's JSON: a line for each vulnerability, how many packages were asked about, and how many not."""
    packages = found["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in asked
        for flaw in package["vulns"]
    ]
    return lines, len(asked), len(packages) - len(asked)


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    asked = subprocess.run(command, capture_output=True, text=True)
    if not asked.stdout.startswith("{"):
        print(f"pip-audit could not ask: {asked.stderr.strip().rpartition(chr(10))[2]}")
        return 0
    lines, known, unknown = verdict(json.loads(asked.stdout))
    if lines:
        print(f"{' KNOWN VULNERABILITIES ':!^100}", *lines, "!" * 100, sep="\n")
    print(f"{len(lines)} known vulnerabilities in {known} packages; {unknown} could not be asked about")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
