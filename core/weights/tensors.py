"""A file of tensors that nobody vouches for: how it is opened, and where in it each tensor lies."""

from __future__ import annotations

import mmap
import os
import stat
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import WeightsError
from ..kinds import shown


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies: bytes `start` to `stop` of the file. Its shape is NumPy's, the rows' length last."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class Tensors(Mapping[str, Entry]):
    """Tensor name -> Entry, of a file that is opened, checked by `_check`, and mapped into memory.

    Raises: WeightsError, on opening, for what is no file, cannot be opened, or does not pass the check.
    """

    _entries: dict[str, Entry]

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.name = self.path.name
        try:
            with self.opened() as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):
                    raise WeightsError(f"{self.name}: is not a file")
                self._check(file, about.st_size)
                # A private copy on writing: a parameter can be edited, the file never changes.
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except OSError as error:
            raise WeightsError(f"{self.name}: cannot be opened: {error.strerror}") from None

    @abstractmethod
    def _check(self, file: BinaryIO, size: int) -> None:
        """Raise WeightsError for a file of `size` bytes that should not even be mapped."""

    def opened(self) -> BinaryIO:
        """The file once more, to be read and not mapped: mapped pages count as memory in use.

        Raises: WeightsError where there is none, or none any more.
        """
        try:
            return open(self.path, "rb", opener=_without_waiting)
        except OSError as error:
            raise WeightsError(f"{self.name}: cannot be opened: {error.strerror}") from None
        except ValueError:  # a zero in its name, or half a character
            raise WeightsError(f"{shown(self.name)}: cannot be a path") from None

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would otherwise wait for ever for someone to write to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
