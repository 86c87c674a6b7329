"""Several processes of the app behind nginx (deploy/nginx.conf), as if they were one server."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench._server import HOST, Server, Usage, free_port, serve, wait_until_healthy
from deploy.nginx import on_loopback


@dataclass
class Cluster:
    """The processes, and where nginx answers for them. What they use is summed; nginx's own part is left out."""

    origin: str
    servers: list[Server]

    def usage(self) -> Usage:
        """What they have used since their start."""
        used = [server.usage() for server in self.servers]
        return Usage(sum(each.peak_mb for each in used), sum(each.cpu_seconds for each in used))

    def written(self) -> str:
        """All that they have logged."""
        return "".join(server.written() for server in self.servers)

    def tracebacks(self) -> list[str]:
        """The last line of each traceback that one of them has logged."""
        return [line for server in self.servers for line in server.tracebacks()]


@contextmanager
def serve_behind(processes: int, *target: str, folder: Path) -> Iterator[Server | Cluster]:
    """So many processes behind nginx, or with one that alone, without nginx. Raises: RuntimeError as `serve` does;
    FileNotFoundError without nginx."""
    if processes == 1:
        with serve(*target, folder=folder) as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as own, ExitStack() as running:
        servers = [running.enter_context(serve(*target, folder=folder)) for _ in range(processes)]
        port = free_port()
        nginx = subprocess.Popen(on_loopback(Path(own), port, [server.port for server in servers]))
        running.callback(nginx.wait, 10)
        running.callback(nginx.terminate)
        wait_until_healthy(cluster := Cluster(f"http://{HOST}:{port}", servers), nginx)
        yield cluster
