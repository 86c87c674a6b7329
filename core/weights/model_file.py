"""A trained model as one safetensors file: Config and vocabulary travel in its metadata."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from .. import limits
from ..config import Config
from ..errors import ConfigError, WeightsError
from ..params import Params
from ..strict_json import parse, quoted
from ..tokenizer.words import SPLITTERS, FixedVocabulary
from .families import OWN, family
from .fields import Fields
from .folder import CONFIG, WHOLE
from .load import load_pretrained, save
from .safetensors import TensorFile

TOKEN = 64  # characters of the longest token, and of a task's name
FLOAT32 = 4  # bytes
UNREADABLE = ("Cc", "Cs", "Cn", "Co")  # control characters, halves of a character, and codes without one


@dataclass(frozen=True)
class Portable:
    """What such a file holds: the model, how it splits text, and what it was trained on."""

    config: Config
    params: Params
    tokenizer: FixedVocabulary
    task: str
    sentence: str  # one that it knows what to do with


def pack(model: Portable) -> bytes:
    """The file, in float32. Equal models give equal bytes."""
    about = {
        "config": json.dumps({"model_type": OWN} | asdict(model.config)),
        "vocabulary": json.dumps(model.tokenizer.tokens),
        "split": model.tokenizer.by,
        "task": model.task,
        "sentence": model.sentence,
    }
    with TemporaryDirectory() as folder:
        save(folder, model.params, model.config, metadata=about)
        return (Path(folder) / WHOLE).read_bytes()


def unpack(data: bytes) -> Portable:
    """What `pack` wrote, checked as hostile. Raises: WeightsError naming what is wrong with it.

    All that the file says of itself is checked before a number of it is read.
    """
    if len(data) > limits.UPLOAD:
        raise WeightsError(f"file: {len(data):,} bytes; at most {limits.UPLOAD:,} are read")
    with TemporaryDirectory() as folder:
        path = Path(folder) / WHOLE
        path.write_bytes(data)
        about = TensorFile(path).metadata
        for name in ("config", "vocabulary", "split", "task", "sentence"):
            if name not in about:
                raise WeightsError(f"__metadata__: {name} is missing; only files that Fibra wrote are read")
        config = _config(about["config"])
        tokenizer = _tokenizer(_vocabulary(about["vocabulary"], config), _split(about["split"]), config)
        task, sentence = _task(about["task"]), _sentence(about["sentence"], tokenizer, config)
        (Path(folder) / CONFIG).write_text(about["config"], encoding="utf-8")
        loaded = load_pretrained(folder, dtype=np.float32, check=False)  # below, and refused
        params = {name: np.array(array) for name, array in loaded.params.items()}  # the file is about to go
    for name, array in params.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{name}: has numbers that are not finite")
    return Portable(loaded.config, params, tokenizer, task, sentence)


def _config(text: str) -> Config:
    """The Config: one whose every array pages can draw, and that training makes: logits, and the future hidden."""
    values = parse(text.encode(), "__metadata__: config")
    if values.get("model_type") != OWN:
        raise WeightsError(f"config: model_type: must be {OWN!r}; only files that Fibra wrote are read")
    try:
        config = family(OWN)(Fields(values)).config
    except ConfigError as error:
        raise WeightsError(f"config: {error}") from None
    sizes = {
        "d_model": (config.d_model, limits.D_MODEL),
        "n_heads": (config.n_heads, limits.HEADS),
        "n_layers": (config.n_layers, limits.LAYERS),
        "d_mlp": (config.d_mlp, limits.D_MLP),
        "d_head": (config.head_width, (1, limits.D_MODEL[1])),
        "n_ctx": (config.n_ctx, (1, limits.TOKENS)),
        "vocab_size": (config.vocab_size, (1, limits.UPLOAD_VOCABULARY)),
    }
    for name, (size, (low, high)) in sizes.items():
        if not low <= size <= high:
            raise WeightsError(f"config: {name}: {size:,} is not in {low:,}..{high:,}")
    if (size := FLOAT32 * config.n_parameters()) > limits.UPLOAD:
        raise WeightsError(f"config: the sizes: {size:,} bytes of parameters; at most {limits.UPLOAD:,} are kept")
    if not (config.unembed and config.causal):
        raise WeightsError("config: causal and unembed must be true, as in every model that is trained here")
    return config


def _vocabulary(text: str, config: Config) -> tuple[str, ...]:
    # The one value in metadata that is JSON and no object; strict_json reads objects.
    values = parse(f'{{"tokens": {text}}}'.encode(), "__metadata__: vocabulary")
    tokens = values["tokens"] if len(values) == 1 else None
    if not isinstance(tokens, list) or not all(isinstance(token, str) and 0 < len(token) <= TOKEN for token in tokens):
        raise WeightsError(f"__metadata__: vocabulary: must be a list of tokens of 1..{TOKEN} characters")
    if len(set(tokens)) != len(tokens) or len(tokens) != config.vocab_size:
        raise WeightsError(f"__metadata__: vocabulary: must be {config.vocab_size} different tokens")
    for token in tokens:
        _check_text(token, "vocabulary")
    return tuple(tokens)


def _tokenizer(vocabulary: tuple[str, ...], split: str, config: Config) -> FixedVocabulary:
    """A translator's own where there are two stacks, and the tokens that say which way it goes."""
    from ..tasks.translation import TOWARDS, SourceVocabulary  # grammar and all: only who brings a translator needs it

    if config.n_encoder_layers and {*TOWARDS.values()} <= {*vocabulary}:
        return SourceVocabulary(vocabulary, split)
    return FixedVocabulary(vocabulary, split)


def _sentence(text: str, tokenizer: FixedVocabulary, config: Config) -> str:
    most = min(limits.TOKENS, config.n_ctx)
    # Its characters are counted before it is looked at: one token may be all of them.
    if len(text) > limits.SENTENCE_CHARACTERS or not 1 <= len(tokenizer.split(text)) <= most:
        raise WeightsError("__metadata__: sentence: is blank, or longer than the model's context")
    _check_text(text, "sentence")
    return text


def _task(text: str) -> str:
    if len(text) > TOKEN or not text.isprintable():
        raise WeightsError(f"__metadata__: task: must be a line of at most {TOKEN} characters, not {quoted(text)}")
    return text


def _check_text(text: str, what: str) -> None:
    for c in text:
        if unicodedata.category(c) in UNREADABLE and not c.isspace():
            raise WeightsError(f"__metadata__: {what}: {quoted(text)}: {quoted(c)} is no character of a text")


def _split(text: str) -> str:
    if text not in SPLITTERS:
        raise WeightsError(f"__metadata__: split: {quoted(text)} is not one of {', '.join(SPLITTERS)}")
    return text
