"""Real models: found below a folder of the server's, opened when they are asked for, shared by all sessions.

A model's weights stay in its file, mapped; together they take no more than `limits.WEIGHTS`: the one that was asked for
longest ago is let go, and is opened again when it is asked for. Its name follows from what it holds, so that it is the
same on every server.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from . import limits
from .errors import WeightsError
from .params import Params
from .presets import Preset, hold
from .strict_json import parse, quoted
from .weights import Pretrained, load_pretrained
from .weights.card import Card, called, check_kind, files, is_model, licence, name_of, read_config, revision, titled
from .weights.folder import CONFIG, VOCABULARIES, WHOLE

VARIABLE = "FIBRA_MODELS"  # of the environment: the folder below which a deployer keeps real models
DEPTH = 4  # folders below it that are looked into: huggingface_hub's cache has models--ORG--NAME/snapshots/REVISION
MOST = 100  # models of it that are listed
TOKEN = 120  # bytes that a token of a vocabulary takes here, beside its id
OPENS = {True: "The capital of France is", False: "The penguin swims well, but it does not fly."}


@dataclass(frozen=True)
class Real(Preset):
    """A model that was trained elsewhere. `shared`: its parameters as the file stores them."""

    card: Card = field(default_factory=lambda: Card(Path(), "", 0))
    shared: Params = field(default_factory=dict, repr=False)

    @property
    def learned(self) -> Params:
        return self.shared


class Library:
    """The models below one folder, by name; none where there is no such folder."""

    def __init__(self, root: str | os.PathLike[str] = ""):
        self.root = Path(root).resolve() if root else None
        self._named: dict[Path, tuple[tuple, str]] = {}  # path -> what its files were like, and what that is called
        self._cards: dict[str, Card] = {}
        self._paths: dict[str, Path] = {}
        self._open: OrderedDict[str, Real] = OrderedDict()
        self._looked = False

    def cards(self) -> list[Card]:
        """Every model that is there now; also those that cannot be used, which say why."""
        self._look()
        refused = [path for path, (_, name) in self._named.items() if not name]
        cards = [self._card(name) for name in self._paths] + [self._refused(path) for path in refused]
        return sorted(cards, key=lambda card: (card.title.casefold(), str(card.path)))

    def offered(self) -> dict[str, Card]:
        """Those that were there when it was last looked, by name, without any that was found to be of no use. Nothing
        is opened for it: of one that nobody has asked for, the card has what it is called alone.
        """
        if not self._looked:
            self._look()
        found = {
            name: self._cards.get(name) or Card(path, titled(path), 0, "", name) for name, path in self._paths.items()
        }
        return {name: card for name, card in found.items() if not card.problem}

    def find(self, name: str) -> Real | None:
        """The model of this name, opened if it is not; None where there is none, or none any more."""
        if (model := self._open.get(name)) is not None:
            self._open.move_to_end(name)
            return model
        if name not in self._paths:
            self._look()
        if name not in self._paths:
            return None
        self._cards[name], found = read(self._paths[name], name, check=True)
        if found is None:  # it cannot be used, or was taken away since
            return None
        model = self._open.setdefault(name, found)
        while self.held > limits.WEIGHTS and len(self._open) > 1:
            self._open.pop(next(other for other in self._open if other != name), None)
        return model

    @property
    def held(self) -> int:
        """Bytes of all models that are open."""
        return sum(model.card.memory for model in [*self._open.values()])

    def is_open(self, name: str) -> bool:
        """Whether this model's weights are mapped now."""
        return name in self._open

    def _look(self) -> None:
        """See which models are there, and what they are called; no more of them is read than that takes."""
        named: dict[Path, tuple[tuple, str]] = {}
        for path in self._candidates():
            was = tuple((str(file), *file.stat()[6:9:2]) for file in files(path) if file.is_file())
            before, name = self._named.get(path, ((), ""))
            named[path] = was, name if before == was else self._name(path)
        self._named, self._looked = named, True
        self._paths = {name: path for path, (_, name) in reversed(named.items()) if name}

    def _name(self, path: Path) -> str:
        try:
            return "" if self._refused(path).problem else name_of(path)
        except (OSError, WeightsError):
            return ""

    def _refused(self, path: Path) -> Card:
        """A card that says why this is not read; without a problem where it may be."""
        card = Card(path, titled(path), 0)
        if not self._inside(path):
            return replace(card, problem=f"{path.name}: is a link that leads out of the folder")
        try:
            check_kind(path)
            parse(read_config(path), CONFIG)
        except WeightsError as error:
            return replace(card, problem=str(error))
        return card

    def _card(self, name: str) -> Card:
        path = self._paths[name]
        if (card := self._cards.get(name)) is None or card.path != path:
            card = self._cards[name] = read(path, name)[0]
        return card

    def _candidates(self) -> Iterator[Path]:
        """Folders and files that look like a model, in the order of their names, at most MOST."""
        found, left = 0, [(self.root, 0)] if self.root and self.root.is_dir() else []
        while left and found < MOST:
            path, depth = left.pop(0)
            try:
                model, below = is_model(path), []
                if not model and depth < DEPTH and path.is_dir() and self._inside(path):
                    below = [(each, depth + 1) for each in sorted(path.iterdir()) if not each.name.startswith(".")]
            except OSError:  # not the server's to read: lost+found of a volume
                continue
            if model:
                found += 1
                yield path
            left[:0] = below

    def _inside(self, path: Path) -> bool:
        try:
            return self.root is not None and path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):  # a link to itself
            return False


def read(path: Path, name: str, check: bool = False) -> tuple[Card, Real | None]:
    """What is to be known of a model, and the model as every page can show it; None where it cannot be used.

    All of it is checked; its numbers, which are mapped, only where `check` says so.
    """
    card = Card(path, titled(path), 0, "", name)
    try:
        model = loaded(path, check)
        size = sum(file.stat().st_size for file in files(path)[path.is_dir() :])
        memory = sum(p.nbytes for p in model.params.values()) + TOKEN * len(model.tokenizer.tokens)
        card = replace(card, size=size, family=model.family, config=model.config, memory=memory)
        card = replace(card, licence=licence(path, model), revision=revision(path), broken=model.broken)
    except (WeightsError, OSError) as error:
        return replace(card, problem=str(error)), None
    if memory > limits.WEIGHTS:
        here = f"{limits.WEIGHTS / 1e6:,.0f} MB (FIBRA_WEIGHTS_MB)"
        return replace(card, problem=f"takes {memory / 1e6:,.0f} MB; real models have {here} on this server"), None
    return card, Real(
        card.title,
        model.config,
        opening(model),
        tokenizer=model.tokenizer,
        source=lambda: model.params,
        shared=model.params,
        card=card,
    )


def opening(model: Pretrained) -> str:
    """A sentence to open the model with, as much of it as the model has positions for."""
    text, n_ctx = OPENS[model.config.causal], model.config.n_ctx
    # No text has more tokens than letters and what is put around it: no model of a usual size is asked here.
    while n_ctx < 2 * len(text) and len(model.tokenizer.encode(text).tokens) > n_ctx and " " in text:
        text = text.rpartition(" ")[0]
    return text


def loaded(path: Path, check: bool = False) -> Pretrained:
    """A checkpoint as pages can draw it: no more positions than a Scene has, and what stands over the last hidden state
    left out where it is not logits.

    Raises: WeightsError for one that is not implemented, or whose text cannot be turned into ids.
    """
    try:
        model = load_pretrained(path, check=check)
    except WeightsError as error:
        try:
            model = load_pretrained(path, without_head=True, check=check)
        except WeightsError:
            raise error from None
    if model.tokenizer.problem:
        raise WeightsError(model.tokenizer.problem)
    n_ctx, params = min(model.config.n_ctx, limits.LONG), dict(model.params)
    if "pos_embed.W_pos" in params:
        params["pos_embed.W_pos"] = params["pos_embed.W_pos"][:n_ctx]
    return replace(model, config=model.config.replace(n_ctx=n_ctx), params=params)


FOLDER = (CONFIG, WHOLE, *VOCABULARIES)


def adopted(given: Mapping[str, bytes]) -> tuple[str, Real]:
    """A name for the model that a reader's files are, name -> bytes, and the model that bears it, to be held on to.

    They are one GGUF file, or a folder's; what else lay beside them there is passed over. Nothing of them stays on
    disk: what is mapped is there as long as the model is.
    Raises: WeightsError for files that are no such model, and for more than limits.REAL_UPLOAD bytes.
    """
    for name in given:
        named = len(name.encode("utf-8", "replace")) <= limits.FILE_NAME and name.isprintable()
        if name in ("", ".", "..") or not named or Path(name).name != name:
            raise WeightsError(f"{quoted(name)}: is not the name of a file")
        check_kind(Path(name))
    if (size := sum(map(len, given.values()))) > limits.REAL_UPLOAD:
        raise WeightsError(f"files: {size:,} bytes; at most {limits.REAL_UPLOAD:,} are read")
    single = [name for name in given if name.endswith(".gguf")]
    if missing := [] if single else [name for name in (CONFIG, WHOLE) if name not in given]:
        raise WeightsError(f"{', '.join(missing)}: missing; give one .gguf, or {', '.join(FOLDER[:3])} together")
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        path = Path(temporary) / "upload"
        path.mkdir()
        for name in single[:1] or FOLDER:
            if name in given:
                (path / name).write_bytes(given[name])
        path = path / single[0] if single else path
        name = name_of(path, whole=True)
        card, model = read(path, name, check=True)
        if model is None or model.tokenizer is None:
            raise WeightsError(card.problem)
        model.tokenizer.encode(model.sentence)  # what it reads of its files, it has read now
        if path.is_dir():  # a reader's folder comes without its name
            card = replace(card, title=called(path))
            model = replace(model, title=card.title, card=card)
    return name, cast(Real, hold(name, model))


LIBRARY = Library(os.environ.get(VARIABLE, ""))
