"""A checkpoint's folder: which files are read, and nothing outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import WeightsError
from ..kinds import SHOWN, cut, shown
from ..strict_json import parse, quoted, read
from ..tokenizer.huggingface import FileTokenizer
from ..tokenizer.pretrained import Vocabulary
from .half_precision import HALVES, Half, widened
from .safetensors import TensorFile
from .stored import Stored
from .tensors import Entry
from .transforms import Transform
from .vocabulary import MERGES, VOCAB_JSON, VOCAB_TXT, byte_level, pieces

CONFIG = "config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
VOCABULARIES = (TOKENIZER, TOKENIZER_CONFIG, VOCAB_TXT, VOCAB_JSON, MERGES)
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth")


def licence_said(value: object) -> str:
    """What somebody wrote of a licence, whatever it is, as a page has room for it; "" for nothing."""
    return cut(" ".join(str(value or "").split()), SHOWN)


class Folder(Mapping[str, Entry]):
    """A checkpoint in Hugging Face layout: tensor name -> Entry, whichever file it lies in; and `config`, the JSON.

    Raises: WeightsError, on opening, for a folder without config.json and model.safetensors (or its shards and their
    index), for a damaged file, and for a file name or a link that leads out of the folder.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not os.path.isdir(self.path):  # Path.is_dir raises for what cannot be a path
            if not str(path).isprintable() or len(str(path)) > 255:
                raise WeightsError(f"folder: {shown(str(path))} cannot be a path")
            raise WeightsError(f"{self.path}: {_not_a_folder(self.path)}")
        self.config: dict[str, Any] = parse(self._read(CONFIG, limits.WEIGHTS_CONFIG), CONFIG)
        if (self.path / WHOLE).exists():
            files = [TensorFile(inside(self.path, WHOLE))]
        elif (self.path / INDEX).exists():
            files = self._shards()
        else:
            pickles = [name for name in PICKLES if (self.path / name).exists()]
            raise WeightsError(
                f"{self.path}: has neither {WHOLE} nor {INDEX}"
                + "".join(f"; {name} is a Python pickle, which is never loaded" for name in pickles)
            )
        self.metadata = files[0].metadata
        self._file = {name: file for file in files for name in file}

    def __getitem__(self, name: str) -> Entry:
        return self._file[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._file)

    def __len__(self) -> int:
        return len(self._file)

    def array(self, name: str, dtype: type | None = None, mapped: bool = True) -> np.ndarray:
        """As TensorFile.array."""
        return self._file[name].array(name, dtype, mapped)

    def source(self, name: str) -> tuple[TensorFile, str]:
        """The file that a tensor lies in, and its name there."""
        return self._file[name], name

    def parts(self, name: str, transform: Transform, dtype: type | None) -> list[np.ndarray | Stored]:
        """The parameters that a tensor becomes. dtype None: float32, but for matrices of 16 bits, each a Half."""
        half = dtype is None and self[name].dtype in HALVES
        kind = HALVES[self[name].dtype] if half else dtype or np.float32
        parts = transform.split(self.array(name, kind, mapped=not transform.copies))
        if half:  # biases and norms weigh nothing
            return [Half(part) if part.ndim > 1 else widened(part) for part in parts]
        return list(parts)

    def read_tokenizer(self) -> FileTokenizer | Vocabulary:
        """What turns text into ids. tokenizer.json is not read before it is used; older vocabularies are read here.

        Raises: WeightsError for an older vocabulary that is damaged.
        """
        here = {name for name in VOCABULARIES if (self.path / name).exists()}
        if TOKENIZER not in here and VOCAB_TXT in here:
            return pieces(self._vocabulary, self._settings(here))
        if TOKENIZER not in here and {VOCAB_JSON, MERGES} <= here:
            return byte_level(self._vocabulary, self._settings(here), self.config.get("model_type"))
        files = (inside(self.path, name) if name in here else None for name in (TOKENIZER, TOKENIZER_CONFIG))
        return FileTokenizer(*files)

    def _vocabulary(self, name: str) -> bytes:
        return self._read(name, limits.TOKENIZER_FILE)

    def _settings(self, here: set[str]) -> dict[str, Any]:
        if TOKENIZER_CONFIG not in here:
            return {}
        return parse(self._read(TOKENIZER_CONFIG, limits.WEIGHTS_HEADER), TOKENIZER_CONFIG)

    def _shards(self) -> list[TensorFile]:
        # What else the index holds is let go before the shards' own headers are read.
        where = parse(self._read(INDEX, limits.WEIGHTS_HEADER), INDEX).get("weight_map")
        if not isinstance(where, dict) or not where or not all(isinstance(name, str) for name in where.values()):
            raise WeightsError(f"{INDEX}: weight_map must map tensor names to file names")
        names = sorted(set(where.values()))
        if len(names) > limits.WEIGHTS_SHARDS:
            raise WeightsError(f"{INDEX}: names {len(names)} files; at most {limits.WEIGHTS_SHARDS} are opened")
        files = []
        for path in [inside(self.path, name) for name in names]:
            file, name = TensorFile(path), path.name
            expected = {tensor for tensor, shard in where.items() if shard == name}
            for tensor in sorted(expected ^ set(file)):
                here, there = (name, INDEX) if tensor in file else (INDEX, name)
                raise WeightsError(f"{here}: has tensor {quoted(tensor)}, which {there} has not")
            files.append(file)
        return files

    def _read(self, name: str, most: int) -> bytes:
        return read(inside(self.path, name), most)


def inside(folder: Path, name: str) -> Path:
    """The path of a file in a folder. Raises: WeightsError for a name that is not plain, or a link to elsewhere."""
    if name in ("", ".", "..") or any(c in name for c in "/\\:\0") or not name.isprintable():
        raise WeightsError(f"{quoted(name)}: is not the name of a file in the folder")
    path, home = folder / name, folder.resolve()
    allowed = {home}
    if home.parent.name == "snapshots":  # the cache of huggingface_hub: snapshots/*/* are links to blobs/*
        allowed.add(home.parent.parent / "blobs")
    try:
        is_here = path.resolve().parent in allowed
    except (OSError, RuntimeError):  # a link to itself
        is_here = False
    if not is_here:
        raise WeightsError(f"{quoted(name)}: is a link that leads out of the folder; copy the file itself here")
    return path


def _not_a_folder(path: Path) -> str:
    if path.suffix == ".zip":
        return "is a zip archive, not a folder; unpack it first"
    return "is a file, not a folder with config.json beside it" if path.is_file() else "there is no such folder"
