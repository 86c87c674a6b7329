"""What of a repository on the Hugging Face Hub is a model that could be read, and how large it is. No network here.

Of a repository only safetensors or GGUF files count, with the few text files beside them: never a pickle, never code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .. import limits
from ..errors import WeightsError
from ..strict_json import quoted
from .folder import CONFIG, INDEX, LICENCES, PICKLES, VOCABULARIES, WHOLE, licence_said

PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
NAME = re.compile(f"(?:{PART}/)?{PART}")
REVISION = re.compile(r"[0-9a-f]{40}")
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
GGUF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}\.gguf")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. sha256: of its content, where the Hub knows it; else empty."""

    name: str
    size: int  # bytes
    sha256: str = ""


@dataclass(frozen=True)
class Offer:
    """One model of a repository: what would be fetched, at a revision that never changes."""

    repository: str
    revision: str  # 40 hexadecimal digits
    files: tuple[HubFile, ...]
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def title(self) -> str:
        """What it is called among the repository's models: its one GGUF file, or what its weights lie in."""
        return self.files[0].name if len(self.files) == 1 else "safetensors"


def checked_repository(name: str) -> str:
    """The name itself. Raises: WeightsError for what is no name of a repository, such as an address or a path."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or ".." in name or "--" in name:
        why = "an address" if isinstance(name, str) and "://" in name else "no name on the Hub"
        raise WeightsError(f"repository: {quoted(name)} is {why}; give OWNER/NAME, letters, digits, '.', '_' and '-'")
    return name


def offers(name: str, revision: str, files: Iterable[HubFile], licence: str = "") -> tuple[Offer, ...]:
    """The models of a repository that this server has room for: the safetensors, then each GGUF file.

    Raises: WeightsError where there is none, which says why.
    """
    checked_repository(name)
    if not isinstance(revision, str) or not REVISION.fullmatch(revision):
        raise WeightsError(f"{name}: its revision {quoted(revision)} is no commit")
    there = {file.name: file for file in files}
    choices = [_folder(there), *((there[one],) for one in sorted(there) if GGUF.fullmatch(one))]
    found = [Offer(name, revision, chosen, licence_said(licence)) for chosen in choices if chosen]
    if not found:
        pickle = "".join(f"; {one} is a Python pickle, which is never loaded" for one in PICKLES if one in there)
        raise WeightsError(f"{name}: has neither {CONFIG} with {WHOLE} or {INDEX}, nor a .gguf file{pickle}")
    fit = tuple(offer for offer in found if not _fault(offer))
    if not fit:
        raise WeightsError(f"{name}: {_fault(min(found, key=lambda offer: offer.size))}")
    return fit


def _folder(there: dict[str, HubFile]) -> tuple[HubFile, ...]:
    """config.json, the weights, the vocabulary and the licence; () where the first two are not all there."""
    weights = [WHOLE] if WHOLE in there else []
    shards = sorted(name for name in there if SHARD.fullmatch(name))
    if not weights and INDEX in there and shards:
        weights = [INDEX, *shards]
    if CONFIG not in there or not weights:
        return ()
    vocabulary = [name for name in VOCABULARIES if name in there]
    licence = [name for name in LICENCES if name in there][:1]
    return tuple(there[name] for name in [CONFIG, *weights, *vocabulary, *licence])


def _fault(offer: Offer) -> str:
    """Why a model is not fetched: as much as the server has no room for, or a file that none reads. "" where it is."""
    for file in offer.files:
        if not isinstance(file.size, int) or file.size < 0:
            return f"{file.name}: its size is not known"
        most = limits.WEIGHTS if file.name.endswith((".safetensors", ".gguf")) else limits.TOKENIZER_FILE
        if file.size > most:
            return f"{file.name}: {file.size:,} bytes; at most {most:,} are read (FIBRA_WEIGHTS_MB)"
    if len(offer.files) > limits.WEIGHTS_SHARDS:
        return f"{len(offer.files)} files; at most {limits.WEIGHTS_SHARDS} are read"
    if offer.size > limits.WEIGHTS:
        return f"{offer.size:,} bytes; at most {limits.WEIGHTS:,} (FIBRA_WEIGHTS_MB)"
    return ""
