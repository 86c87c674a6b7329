"""Streamlit's server as a subprocess on loopback, and what it uses of the machine (read from Linux's /proc)."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

HOST = "127.0.0.1"
PORTS = range(8620, 8640)
FLAGS = [
    "--server.headless=true",
    "--browser.gatherUsageStats=false",
    "--server.fileWatcherType=none",  # a file edited meanwhile would have its module loaded anew under the sessions
]
START_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Usage:
    """Peak resident memory in MB and processor time in seconds, of a process and its descendants."""

    peak_mb: float
    cpu_seconds: float


class Answers(Protocol):
    """What answers at an address of this machine, and what it has logged."""

    @property
    def origin(self) -> str: ...

    def written(self) -> str: ...


@dataclass
class Server:
    """A running server: `process` is that which `command` started last, in `folder`."""

    port: int
    command: list[str]
    folder: Path
    log: IO[bytes]
    process: subprocess.Popen[bytes] = field(init=False)
    spent: float = 0.0  # seconds of processor that those before it had used

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def kill_and_restart(self) -> None:
        """End it without a word (SIGKILL), and start it anew on the same port. Raises RuntimeError as `serve` does."""
        self.spent = self.usage().cpu_seconds
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._start()
        wait_until_healthy(self, self.process)

    @property
    def origin(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def usage(self) -> Usage:
        """What it has used since its start."""
        pids = list(_tree(self.process.pid))
        return Usage(sum(map(_peak_kb, pids)) / 1024, self.spent + sum(map(_cpu_seconds, pids)))

    def resident_mb(self) -> float:
        """Its memory now."""
        return sum(_status_kb(pid, "VmRSS") for pid in _tree(self.process.pid)) / 1024

    def tracebacks(self) -> list[str]:
        """The last line of each traceback that it has logged: the exception's name and message."""
        return re.findall(r"^Traceback \(most recent call last\):\n(?:\s.*\n)+(.+)$", self.written(), re.MULTILINE)

    def written(self) -> str:
        """All that it has logged."""
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode(errors="replace")


@contextmanager
def serve(*target: str, folder: Path, module: str = "streamlit") -> Iterator[Server]:
    """Start `streamlit *target` (`"run", "app.py"` or `"hello"`) in `folder`, whose `.streamlit/config.toml` it obeys,
    and stop it on leaving; or another module that does so. Raises RuntimeError with the end of its log where it doesn't
    come up."""
    # Ended from outside (`timeout`, a CI runner), Python would otherwise leave the server behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    port = free_port()
    flags = [f"--server.address={HOST}", f"--server.port={port}", *FLAGS]
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", module, *target, *flags]
        server = Server(port, command, folder, log)
        try:
            wait_until_healthy(server, server.process)
            yield server
        finally:
            _stop(server.process)


def free_port() -> int:
    """A port where nobody listens. Raises RuntimeError without one."""
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise RuntimeError(f"Every port from {PORTS.start} to {PORTS.stop - 1} is in use.")


def wait_until_healthy(server: Answers, process: subprocess.Popen[bytes]) -> None:
    """Wait until it answers. Raises RuntimeError with the end of its log where the process ends before, or for long."""
    # A proxy in the environment must not see requests that stay on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(f"{server.origin}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not come up:\n{server.written()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _peak_kb(pid: int) -> int:
    return _status_kb(pid, "VmHWM")


def _status_kb(pid: int, name: str) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields.get(name, "0 kB").split()[0])  # a child that has just ended has no memory


def _cpu_seconds(pid: int) -> float:
    # A process's own clock, in nanoseconds, as clock_getcpuclockid(3) names it: /proc counts in hundredths.
    return time.clock_gettime(~pid << 3 | 2)
