"""Serve a folder as a static host does: a page's own address is answered by 404.html.

python -m deploy.web.serve [dist/web] [port]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

KINDS = {".mjs": "text/javascript", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json"}


class Handler(SimpleHTTPRequestHandler):
    """Files; for what is none, the one page that there is."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | KINDS

    def send_head(self):
        path = Path(self.translate_path(self.path))
        if not path.exists() and "." not in path.name:
            self.path = "/404.html"
        return super().send_head()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder)))


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a static host of this folder, beside what else is done."""
    host = server(folder, 0)
    Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}"
    host.shutdown()
    host.server_close()


if __name__ == "__main__":
    folder, port, *_ = [*sys.argv[1:], *("dist/web", "8000")[len(sys.argv) - 1 :]]
    print(f"http://127.0.0.1:{port}")
    server(Path(folder), int(port)).serve_forever()
