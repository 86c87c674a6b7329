"""What the files of one real model say that it is, before any page shows it: its name, its licence, why it is refused.

Of a file's weights no more is read here than its name is made of.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from .. import limits
from ..config import Config
from ..errors import WeightsError
from ..presets import REAL
from ..strict_json import parse, read
from .folder import CONFIG, INDEX, LICENCES, PICKLES, WHOLE, inside, licence_said
from .load import Pretrained

SAMPLES, SAMPLE = 64, 4096  # of a file: pieces, evenly spread, and bytes of each, that its name is made of
REFUSED = dict.fromkeys((".bin", ".pt", ".pth", ".ckpt", ".pkl"), "a Python pickle, which is never loaded")
REFUSED |= dict.fromkeys((".zip", ".tar", ".tgz", ".gz"), "an archive; unpack it first")
ARCHITECTURE = re.compile(rb"general\.architecture\x08\0\0\0.\0{7}([a-z0-9]{1,32})", re.DOTALL)
NAME = re.compile(r"(?=.*[a-z])[\w.-]{1,64}", re.ASCII | re.IGNORECASE)  # of a model, as the Hub lets one be called
LICENCE_READ = 2000  # bytes of one, at whose beginning its name stands
LICENCE = re.compile(r"Apache License|MIT License|BSD|Creative Commons|GNU [A-Z ]*GENERAL PUBLIC", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """What is known of a model before it is used. problem: why it cannot be; empty where it can."""

    path: Path
    title: str
    size: int  # bytes of its files of weights
    problem: str = ""
    name: str = ""  # as an address has it
    family: str = ""
    config: Config | None = None
    memory: int = 0  # bytes that its weights and its vocabulary take while it is open
    licence: str = ""
    revision: str = ""  # of the Hub, where it lies in huggingface_hub's cache
    broken: tuple[str, ...] = ()  # tensors that hold NaN or infinity; they are looked for where a model is opened


def is_model(path: Path) -> bool:
    """Whether this is to be read, or refused by name: a folder with config.json, a GGUF file, a zip, a pickle."""
    if path.is_dir():
        return (path / CONFIG).is_file() and any((path / name).exists() for name in (WHOLE, INDEX, *PICKLES))
    return path.suffix in (".gguf", *REFUSED)


def check_kind(path: Path) -> None:
    """Raises: WeightsError for what is not even read: archives and pickles."""
    if path.suffix in REFUSED:
        raise WeightsError(f"{path.name}: is {REFUSED[path.suffix]}")
    if path.is_dir() and not any((path / name).exists() for name in (WHOLE, INDEX)):
        pickle = next((name for name in PICKLES if (path / name).exists()), "")
        raise WeightsError(
            f"{pickle}: is {REFUSED['.bin']}" if pickle else f"{path.name}: has neither {WHOLE} nor {INDEX}"
        )


def files(path: Path) -> list[Path]:
    """What a model's name is made of: config.json and its weights, or the one file that is all of it."""
    return [path / CONFIG, *sorted(path.glob("*.safetensors"))] if path.is_dir() else [path]


def read_config(path: Path) -> bytes:
    """config.json's bytes; of a single file none are needed."""
    if not path.is_dir():
        return b"{}"
    with open(path / CONFIG, "rb") as file:
        return file.read(limits.WEIGHTS_CONFIG)


def family_of(path: Path) -> str:
    """What the files say that the model is; whether that is implemented is found when it is read."""
    if path.is_dir():
        return str(parse(read_config(path), CONFIG).get("model_type", ""))
    with open(path, "rb") as file:
        found = ARCHITECTURE.search(file.read(SAMPLE))
    return found[1].decode() if found else ""


def titled(path: Path) -> str:
    """What a model is called: its folder, its file, or its name on the Hub."""
    if path.parent.name == "snapshots" and path.parent.parent.name.startswith("models--"):
        return path.parent.parent.name.removeprefix("models--").replace("--", "/")
    return path.name if path.is_dir() else path.stem


def called(path: Path) -> str:
    """What a folder is called by its config.json: the name that it was saved by, or else its family."""
    said = parse(read_config(path), CONFIG)
    saved = re.split(r"[/\\]", str(said.get("_name_or_path") or "").rstrip("/\\"))[-1]
    return saved if NAME.fullmatch(saved) else str(said["model_type"])


def revision(path: Path) -> str:
    """The Hub's revision, where the folder or the file lies in huggingface_hub's cache."""
    return next((one.name for one in (path, path.parent) if one.parent.name == "snapshots"), "")


def licence(path: Path, model: Pretrained) -> str:
    """The licence that the files state; "" where they state none that is known here."""
    if said := model.metadata.get("general.license"):
        return licence_said(said)
    if not path.is_dir():
        return ""
    for name in LICENCES:
        with suppress(WeightsError):  # there is none of that name, or a link to elsewhere
            text = read(inside(path, name), limits.WEIGHTS_CONFIG)[:LICENCE_READ].decode("utf-8", "replace")
            if found := LICENCE.search(text):
                return found[0]
    return licence_said(parse(read_config(path), CONFIG).get("license"))


def name_of(path: Path, whole: bool = False) -> str:
    """The model's name in an address: its family, what it is called, and ten digits that follow from its files.

    The same on every server that has it. whole: sixteen digits, which follow from all that there is: of what a reader
    brings, so that nobody is shown what another one has altered or given other words.
    Raises: WeightsError for a config.json that is none.
    """
    slug = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-") for part in (family_of(path), titled(path)))
    return f"{REAL}{slug[:64]}-{digest_of(path) if whole else fingerprint(path)}"


def digest_of(path: Path) -> str:
    """Sixteen hexadecimal digits that follow from every byte of a file, or of a folder's files and their names."""
    digest = blake2b(digest_size=8)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        digest.update(f"{file.name} {file.stat().st_size} ".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Ten hexadecimal digits that follow from a model's files: their sizes, and pieces of them evenly spread.

    All of a large file would have to be read for more, at every start.
    """
    digest = blake2b(digest_size=5)
    for file in files(path):
        size = file.stat().st_size
        digest.update(str(size).encode())
        with open(file, "rb") as opened_file:
            for at in np.linspace(0, max(0, size - SAMPLE), SAMPLES).astype(np.int64).tolist():
                opened_file.seek(at)
                digest.update(opened_file.read(SAMPLE))
    return digest.hexdigest()
