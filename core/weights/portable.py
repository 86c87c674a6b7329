"""A trained model as one safetensors file: Config and vocabulary travel in its metadata."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core import limits
from core.config import Config
from core.errors import WeightsError
from core.params import Params
from core.tokenizer import FixedVocabulary
from core.weights.families import OWN
from core.weights.folder import CONFIG, WHOLE
from core.weights.load import load_pretrained, save
from core.weights.safetensors import TensorFile
from core.weights.strict_json import parse

SPLITS = ("words", "characters")
TOKEN = 64  # characters of the longest token


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
    """What `pack` wrote, checked as hostile. Raises: WeightsError naming what is wrong with it."""
    if len(data) > limits.UPLOAD:
        raise WeightsError(f"file: {len(data):,} bytes; at most {limits.UPLOAD:,} are read")
    with TemporaryDirectory() as folder:
        path = Path(folder) / WHOLE
        path.write_bytes(data)
        about = TensorFile(path).metadata
        for name in ("config", "vocabulary", "split", "task", "sentence"):
            if name not in about:
                raise WeightsError(f"__metadata__: {name} is missing; only files that Fibra wrote are read")
        (Path(folder) / CONFIG).write_text(about["config"], encoding="utf-8")
        loaded = load_pretrained(folder, dtype=np.float32)
        params = {name: np.array(array) for name, array in loaded.params.items()}  # the file is about to go
    _check_sizes(loaded.config)
    for name, array in params.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{name}: has numbers that are not finite")
    tokenizer = FixedVocabulary(_vocabulary(about["vocabulary"], loaded.config), _split(about["split"]))
    if not 1 <= len(tokenizer.split(about["sentence"])) <= min(limits.TOKENS, loaded.config.n_ctx):
        raise WeightsError("__metadata__: sentence: is blank, or longer than the model's context")
    return Portable(loaded.config, params, tokenizer, about["task"][:TOKEN], about["sentence"])


def _check_sizes(config: Config) -> None:
    """What pages can draw; and what training makes: logits, and the future hidden."""
    sizes = {"d_model": limits.D_MODEL, "n_heads": limits.HEADS, "n_layers": limits.LAYERS, "d_mlp": limits.D_MLP}
    for name, (low, high) in sizes.items():
        if not low <= getattr(config, name) <= high:
            raise WeightsError(f"config: {name}: {getattr(config, name)} is not in {low}..{high}")
    if not (config.unembed and config.causal):
        raise WeightsError("config: causal and unembed must be true, as in every model that is trained here")


def _vocabulary(text: str, config: Config) -> tuple[str, ...]:
    # The one value in metadata that is JSON and no object; strict_json reads objects.
    tokens = parse(f'{{"tokens": {text}}}'.encode(), "__metadata__: vocabulary")["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) and 0 < len(token) <= TOKEN for token in tokens):
        raise WeightsError(f"__metadata__: vocabulary: must be a list of tokens of 1..{TOKEN} characters")
    if len(set(tokens)) != len(tokens) or len(tokens) != config.vocab_size:
        raise WeightsError(f"__metadata__: vocabulary: must be {config.vocab_size} different tokens")
    return tuple(tokens)


def _split(text: str) -> str:
    if text not in SPLITS:
        raise WeightsError(f"__metadata__: split: must be one of {', '.join(SPLITS)}")
    return text
