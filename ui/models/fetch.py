"""A model fetched from the Hub by huggingface_hub (an extra), below the folder of the server's own models.

Whoever deploys the app allows it (FIBRA_HUB). What is fetched lies as in huggingface_hub's cache, one folder a
revision; until it is whole it lies where no model is looked for, and what was cut short goes on from there. After a
day in which nobody went on with it, it is removed as another model is fetched.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from core import FibraError, WeightsError, limits
from core.weights.hub import HubFile, Offer, checked_repository, offers

VARIABLE = "FIBRA_HUB"  # of the environment, or secrets.toml
YES = ("1", "true", "yes", "on")
PARTS = ".fetching"  # a folder beside the models: what begins with a dot is not looked into
FOLDER, FILE = "models--", "gguf--"  # what begins the name of a repository's folder here: apart, for one may have both
PIECE = 1 << 16  # bytes at a time: progress is told as often
SECONDS = 20.0  # without an answer
STALE = 24 * 3600  # seconds since the last byte of what was cut short
_one = Lock()  # one model at a time, for all sessions


def allowed() -> bool:
    """Whether the deployer lets readers fetch models."""
    return os.environ.get(VARIABLE, "").strip().lower() in YES


def look(name: str) -> tuple[Offer, ...]:
    """The models of a repository on the Hub, at its newest revision.

    Raises: WeightsError for a name that is none, a repository without a model to be read, a Hub that does not answer.
    """
    checked_repository(name)
    with _told_simply(name) as hub:
        about = hub.HfApi(endpoint=_endpoint(), token=False).model_info(name, files_metadata=True, timeout=SECONDS)
        files = [
            HubFile(one.rfilename, one.size, one.lfs.sha256 if one.lfs else "")
            for one in about.siblings or []
            if one.size is not None
        ]
        licence = getattr(about.card_data, "license", None) or ""
        return offers(name, about.sha or "", files, licence if isinstance(licence, str) else ", ".join(licence))


def fetch(offer: Offer, root: Path, told: Callable[[int], Any] = lambda done: None) -> Path:
    """Fetch a model, or the rest of one; where it lies then. `told` hears how many of its bytes are there.

    Whatever `told` raises ends it; what has come stays, and the next call goes on from there.
    Raises: WeightsError where the Hub does not answer, gives other bytes than it said, or the folder is full; or while
    another model is fetched.
    """
    repository, single = offer.repository.replace("/", "--"), len(offer.files) == 1
    home = root / f"{FILE if single else FOLDER}{repository}" / "snapshots" / offer.revision
    goal = home / offer.title if single else home
    if goal.exists():
        return goal
    if not _one.acquire(blocking=False):
        raise WeightsError(f"{offer.repository}: another model is being fetched; try again in some minutes")
    try:
        with _told_simply(offer.repository) as hub:
            stage = root / PARTS / repository / offer.revision / offer.title
            stage.mkdir(parents=True, exist_ok=True)
            _forget_stale(root, stage)
            _check_room(offer, root, stage)
            done = 0
            for file in offer.files:
                _fetch_file(hub, offer, file, stage, lambda n, before=done: told(before + n))
                done += file.size
            goal.parent.mkdir(parents=True, exist_ok=True)
            (stage / goal.name if single else stage).replace(goal)
    finally:
        _one.release()
    return goal


def _fetch_file(hub: Any, offer: Offer, file: HubFile, stage: Path, told: Callable[[int], Any]) -> None:
    """One file, whole: its size is what the Hub said, and so is its SHA-256 where that was said."""
    there, part = stage / file.name, stage / f"{file.name}.part"
    if there.exists():
        told(file.size)
        return
    have = part.stat().st_size if part.exists() else 0
    if have < file.size or not have:
        address = hub.hf_hub_url(offer.repository, file.name, revision=offer.revision, endpoint=_endpoint())
        headers = hub.utils.build_hf_headers(token=False) | {"Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={have}-"} if have else {}
        with hub.get_session().stream("GET", address, headers=headers, timeout=SECONDS) as answer:
            hub.utils.hf_raise_for_status(answer)
            have = have if answer.status_code == 206 else 0  # one that cannot go on begins anew
            with open(part, "ab" if have else "wb") as out:
                for piece in answer.iter_bytes(PIECE):
                    have += len(piece)
                    if have > file.size:
                        break
                    out.write(piece)
                    told(have)
    if have < file.size:
        raise WeightsError(f"{file.name}: was cut short after {have:,} of {file.size:,} bytes; fetch it again to go on")
    if have > file.size or (file.sha256 and _digest(part) != file.sha256):
        part.unlink()
        raise WeightsError(f"{file.name}: is not the file that the Hub told of")
    part.replace(there)


def _digest(path: Path) -> str:
    digest = sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _forget_stale(root: Path, stage: Path) -> None:
    """Remove what was cut short long ago and is not fetched now: it would take the others' room for good.

    Only with `_one` held: nothing else is being written here.
    """
    for other in (root / PARTS).glob("*/*/*/"):
        newest = max(path.stat().st_mtime for path in (other, *other.iterdir()))
        if other != stage and newest < time.time() - STALE:
            shutil.rmtree(other, ignore_errors=True)  # what cannot be removed goes on being counted


def _check_room(offer: Offer, root: Path, stage: Path) -> None:
    """Raises: WeightsError where all that was fetched would take more than limits.HUB."""
    folders = [*root.glob(f"{FOLDER}*"), *root.glob(f"{FILE}*"), root / PARTS]
    there = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    mine = sum(file.stat().st_size for file in stage.iterdir() if file.is_file())
    if there - mine + offer.size > limits.HUB:
        raise WeightsError(
            f"{offer.repository}: {offer.size:,} bytes beside {there - mine:,} that were fetched before are more than "
            f"this server keeps, {limits.HUB:,} (FIBRA_HUB_MB)"
        )


@contextmanager
def _told_simply(name: str) -> Iterator[Any]:
    """huggingface_hub; whatever it, or the client below it, raises becomes a WeightsError that names the model."""
    try:
        import huggingface_hub
    except ImportError:
        raise WeightsError("huggingface_hub: is not installed on this server") from None
    try:
        yield huggingface_hub
    except FibraError:
        raise
    except huggingface_hub.errors.RepositoryNotFoundError:  # also of one that asks who is there
        raise WeightsError(f"{name}: is not on the Hub, or not for everyone") from None
    except Exception as error:  # the client's own kinds are others in each version
        raise WeightsError(f"{name}: the Hub does not answer as it should ({type(error).__name__})") from error


def _endpoint() -> str | None:
    """Where the Hub is, where the environment says so."""
    return os.environ.get("HF_ENDPOINT") or None
