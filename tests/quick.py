"""What AppTest does for each app anew, and need do only once in a process: three quarters of its time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import local_script_runner


class Compiled(ScriptCache):
    """Streamlit's cache of compiled scripts, one for all apps; a file that was written again is compiled again."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, int] = {}

    def get_bytecode(self, script_path: str) -> Any:
        written = Path(script_path).stat().st_mtime_ns
        if self._written.setdefault(script_path, written) != written:
            self.clear()
            self._written = {script_path: written}
        return super().get_bytecode(script_path)


def share() -> None:
    """Look once for the components of the packages that are installed, and compile each script once.

    Where a version of Streamlit names these otherwise, all is as before, and slower.
    """
    if hasattr(manifest_scanner, "scan_component_manifests"):
        manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
    if hasattr(local_script_runner, "ScriptCache"):
        compiled = Compiled()
        local_script_runner.ScriptCache = lambda: compiled
