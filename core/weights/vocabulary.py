"""The vocabulary of a folder without tokenizer.json: BERT's vocab.txt, or GPT-2's vocab.json and merges.txt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import WeightsError
from ..strict_json import parse, quoted
from ..tokenizer.pretrained import ByteLevel, Pieces

VOCAB_TXT, VOCAB_JSON, MERGES = "vocab.txt", "vocab.json", "merges.txt"
BERT = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]"}
OTHERS = ("[PAD]", "[MASK]")
ROBERTA = {"bos": "<s>", "eos": "</s>"}
CONTROL = ("<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>")  # which no text gives
Read = Callable[[str], bytes]  # a file of the folder


def pieces(read: Read, settings: Mapping[str, Any]) -> Pieces:
    """BERT's: a piece a line, its id the line's number. `settings`: tokenizer_config.json.

    Raises: WeightsError for a file that is no text, has a piece twice, or lacks one of the special tokens.
    """
    lines = _text(read(VOCAB_TXT), VOCAB_TXT).split("\n")
    spelled = tuple(line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines))
    if len(ids := {piece: id for id, piece in enumerate(spelled)}) < len(spelled):
        twice = next(piece for id, piece in enumerate(spelled) if ids[piece] != id)
        raise WeightsError(f"{VOCAB_TXT}: has the piece {quoted(twice)} twice")
    special = {name: _token(settings, f"{name}_token", usual) for name, usual in BERT.items()}
    missing = next((token for token in special.values() if token not in ids), None)
    if missing is not None:
        raise WeightsError(f"{VOCAB_TXT}: has no token {quoted(missing)}")
    lower = _flag(settings, "do_lower_case", True)
    return Pieces(
        spelled,
        frozenset(ids[token] for token in {*special.values(), *OTHERS} if token in ids),
        before=(ids[special["cls"]],),
        after=(ids[special["sep"]],),
        unknown=ids[special["unk"]],
        lower=lower,
        accents=not _flag(settings, "strip_accents", lower),
    )


def byte_level(read: Read, settings: Mapping[str, Any], model_type: Any) -> ByteLevel:
    """GPT-2's: token -> id, and the merges, one a line. RoBERTa's text stands between <s> and </s>.

    Raises: WeightsError for files that are not this; and a text that is asked to begin with a space.
    """
    ids = parse(read(VOCAB_JSON), VOCAB_JSON)
    by_id = {id: token for token, id in ids.items() if type(id) is int}
    if not ids or sorted(by_id) != [*range(len(ids))]:
        raise WeightsError(f"{VOCAB_JSON}: its ids are not 0..{len(ids) - 1}, each once")
    if _flag(settings, "add_prefix_space", False):
        raise WeightsError("tokenizer_config.json: add_prefix_space: True is not implemented; False is")
    lines = _text(read(MERGES), MERGES).splitlines()
    lines = lines[1:] if lines and lines[0].startswith("#version") else lines
    merges = tuple(merge_of(line, MERGES) for line in lines if line)
    control = frozenset(ids[token] for token in CONTROL if token in ids)
    spelled = tuple(by_id[i] for i in range(len(by_id)))
    if model_type != "roberta":
        return ByteLevel(spelled, control, merges=merges)
    tokens = {name: _token(settings, f"{name}_token", usual) for name, usual in ROBERTA.items()}
    lost = next((token for token in tokens.values() if token not in ids), None)
    if lost is not None:
        raise WeightsError(f"{VOCAB_JSON}: has no token {quoted(lost)}")
    return ByteLevel(spelled, control, (ids[tokens["bos"]],), (ids[tokens["eos"]],), merges=merges)


def merge_of(text: str, where: str) -> tuple[str, str]:
    """The two tokens of a merge, as its line has them. Raises: WeightsError for anything else."""
    left, _, right = text.partition(" ")
    if not left or not right or " " in right:
        raise WeightsError(f"{where}: {quoted(text)} is not two tokens")
    return left, right


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise WeightsError(f"{name}: is no text in UTF-8") from None


def _token(settings: Mapping[str, Any], name: str, usual: str) -> str:
    """A special token, written as it is or as an object that says more."""
    said = settings.get(name, usual)
    said = said.get("content") if isinstance(said, dict) else said
    if not isinstance(said, str):
        raise WeightsError(f"tokenizer_config.json: {name}: {quoted(said)} is no token")
    return said


def _flag(settings: Mapping[str, Any], name: str, usual: bool) -> bool:
    said = settings.get(name)
    if said is None:
        return usual
    if not isinstance(said, bool):
        raise WeightsError(f"tokenizer_config.json: {name}: {quoted(said)} is neither true nor false")
    return said
