"""nginx.conf on one machine, without a container: for its test, and for the bench of several processes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

CONF = Path(__file__).with_name("nginx.conf")
COOKIE = "add_header Set-Cookie $cookie;"


def on_loopback(folder: Path, port: int, behind: Sequence[int], told: str = "") -> list[str]:
    """The command that starts nginx at `port`, before the processes at the ports `behind`.

    What it writes is in `folder`. Each answer has the headers `told` too, as nginx says them.
    """
    conf = CONF.read_text("utf-8").replace("/tmp/", f"{folder}/").replace("listen 8080", f"listen 127.0.0.1:{port}")
    at = re.compile(r"server app-1:8501 (.*)\n\s*server app-2:8501 .*")
    rest = at.search(conf)[1]
    conf = at.sub("\n    ".join(f"server 127.0.0.1:{each} {rest}" for each in behind), conf)
    (folder / "nginx.conf").write_text(conf.replace(COOKIE, f"{COOKIE} {told}"), "utf-8")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]
