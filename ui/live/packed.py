"""Streamlit's frontend, packed for the way.

Streamlit sends its scripts and sheets as they lie on the disk, since to pack them anew for each reader costs more than
it saves. But whoever comes for the first time fetches more than 7 MB, and a class does so at once, through one network.
Here each file is packed when it is first asked for, and kept.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from threading import Lock

KINDS = {".js", ".css"}
LEAST = 500  # bytes; less is not worth it
CHUNK = 1 << 16  # bytes; the next leave when these are on their way, so that nothing waits in memory for a slow reader

_kept: dict[str, bytes] = {}
_at_work = Lock()


def packs(path: str | Path, size: int) -> bool:
    """Whether a file of so many bytes is sent packed to whoever can unpack it."""
    return Path(path).suffix in KINDS and size >= LEAST


def unpacks(asked: Mapping[str, str]) -> bool:
    """Whether a browser that asked with these headers can unpack a file, and wants it whole."""
    return "range" not in asked and any(map(_is_gzip, asked.get("accept-encoding", "").split(",")))


def _is_gzip(said: str) -> bool:
    """Whether this is gzip, of what a browser says that it takes: what weighs 0 it does not (RFC 9110, 12.5.3)."""
    coding, _, weight = "".join(said.split()).lower().partition(";q=")
    return coding == "gzip" and (not weight or weight.strip("0.") != "")


def kept(path: str | Path) -> bytes | None:
    """The file as gzip, where it was packed before."""
    return _kept.get(str(path))


def pack(path: str | Path) -> bytes:
    """The file as gzip. For a thread of its own: Plotly's takes an eighth of a second, once."""
    with _at_work:
        if str(path) not in _kept:
            _kept[str(path)] = gzip.compress(Path(path).read_bytes(), 6, mtime=0)
        return _kept[str(path)]


def headers(of_file: Mapping[str, str], packed: bytes) -> dict[str, str]:
    """Those of the file, as they are of its packed bytes: the same file, but not byte for byte (a weak ETag)."""
    told = dict(of_file) | {"content-encoding": "gzip", "content-length": str(len(packed)), "vary": "Accept-Encoding"}
    if "etag" in told:
        told["etag"] = f"W/{told['etag']}"
    return told


async def parts(packed: bytes) -> AsyncIterator[bytes]:
    """The packed bytes as they are sent."""
    for at in range(0, len(packed), CHUNK):
        yield packed[at : at + CHUNK]
