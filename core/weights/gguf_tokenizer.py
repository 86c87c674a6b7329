"""The vocabulary that a GGUF file brings along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import WeightsError
from ..strict_json import quoted
from ..tokenizer.parts.decoders import BYTE as ESCAPED
from ..tokenizer.pretrained import ByteLevel, SentencePiece, Vocabulary
from .gguf import GGUFFile, Texts
from .vocabulary import merge_of

NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6  # llama.cpp's types of tokens; 4 is one that a user added
PATTERN = {"default": "gpt-2", "smollm": "smollm", "llama-bpe": "llama-bpe", "llama3": "llama-bpe", "qwen2": "qwen2"}
BEGINS = ("llama-bpe", "llama3")  # patterns of models that expect a token before a text


def tokenizer_of(file: GGUFFile, vocab_size: int) -> Vocabulary:
    """What turns text into ids; where that is not implemented, its `problem` says why, and ids can be given instead.

    Raises: WeightsError for a vocabulary that is not what it says, or larger than the model's.
    """
    kind, tokens = file.single("tokenizer.ggml.model"), file.metadata.get("tokenizer.ggml.tokens")
    if tokens is None:
        return Vocabulary((), problem=f"{file.name}: it has no vocabulary, so ids must be given in place of text")
    spelled = _texts(tokens, "tokens", file)
    if len(spelled) > vocab_size:
        raise WeightsError(f"{file.name}: its vocabulary has {len(spelled):,} tokens, the model {vocab_size:,}")
    types = _numbers(file, "token_type", len(spelled), NORMAL)
    control = frozenset(np.flatnonzero(np.isin(types, (UNKNOWN, CONTROL, UNUSED))).tolist())
    pattern = file.single("tokenizer.ggml.pre", "default")
    begins = kind == "llama" or pattern in BEGINS
    before, after = _special(file, "bos", begins, len(spelled)), _special(file, "eos", False, len(spelled))
    if kind == "gpt2" and pattern in PATTERN:
        where, lines = f"{file.name}: tokenizer.ggml.merges", file.metadata.get("tokenizer.ggml.merges")
        merges = tuple(merge_of(line, where) for line in _texts(lines, "merges", file))
        return ByteLevel(spelled, control, before=before, after=after, merges=merges, pattern=PATTERN[pattern])
    if kind == "llama":
        scores = _numbers(file, "scores", len(spelled), 0.0)
        escaped = np.flatnonzero(types == BYTE).tolist()
        _check_bytes(spelled, escaped, file)
        space = file.single("tokenizer.ggml.add_space_prefix", True) is True
        return SentencePiece(
            spelled,
            control.union(escaped),
            before=before,
            after=after,
            scores=scores.tolist(),
            space=space,
            escaped=frozenset(escaped),
        )
    what = f"tokenizer.ggml.pre: {quoted(pattern)}" if kind == "gpt2" else f"tokenizer.ggml.model: {quoted(kind)}"
    known = ", ".join(PATTERN) if kind == "gpt2" else "gpt2, llama"
    problem = f"{file.name}: {what} is not implemented; {known} are. Ids must be given in place of text"
    return Vocabulary(spelled, control, problem=problem)


def _texts(value: Any, key: str, file: GGUFFile) -> tuple[str, ...]:
    if not isinstance(value, Texts):
        raise WeightsError(f"{file.name}: tokenizer.ggml.{key} is not a list of texts")
    return tuple(value)


def _numbers(file: GGUFFile, key: str, n: int, usual: float) -> np.ndarray:
    value = file.metadata.get(f"tokenizer.ggml.{key}")
    if value is None:
        return np.full(n, usual)
    if not isinstance(value, np.ndarray) or len(value) != n or not np.isfinite(value).all():
        raise WeightsError(f"{file.name}: tokenizer.ggml.{key} is not a list of {n:,} finite numbers, one a token")
    return value


def _special(file: GGUFFile, name: str, usual: bool, n: int) -> tuple[int, ...]:
    """The token of that name, where the model expects it around a text."""
    asked = file.single(f"tokenizer.ggml.add_{name}_token", usual)
    id = file.single(f"tokenizer.ggml.{name}_token_id")
    if asked is not True or id is None:
        return ()
    if type(id) is not int or not 0 <= id < n:
        raise WeightsError(f"{file.name}: tokenizer.ggml.{name}_token_id: {quoted(id)} is no token's id")
    return (id,)


def _check_bytes(spelled: Sequence[str], escaped: Iterable[int], file: GGUFFile) -> None:
    for token in (spelled[i] for i in escaped):
        if not ESCAPED.fullmatch(token):
            raise WeightsError(f"{file.name}: token {quoted(token)} is said to be a byte, and is not written as one")
