"""GGUF files for tests, written here from docs/gguf.md: the project itself only reads them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from support import tensors

TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 8, "Q4_K": 12, "Q6_K": 14, "BF16": 30, "Q5_0": 6}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(x: Any) -> bytes:
    """A value behind its type."""
    if isinstance(x, bool):
        return struct.pack("<I?", 7, x)
    if isinstance(x, int):
        return struct.pack("<II", 4, x)
    if isinstance(x, float):
        return struct.pack("<If", 6, x)
    if isinstance(x, str):
        return struct.pack("<I", 8) + text(x)
    kind = 8 if isinstance(x[0], str) else 6 if isinstance(x[0], float) else 5
    items = [text(item) if kind == 8 else struct.pack("<f" if kind == 6 else "<i", item) for item in x]
    return struct.pack("<IIQ", 9, kind, len(x)) + b"".join(items)


def write(
    path: Path, metadata: Mapping[str, Any], arrays: Mapping[str, tuple[str, np.ndarray, tuple[int, ...]]]
) -> Path:
    """arrays: name -> (type, its bytes or numbers, NumPy's shape of the numbers)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(arrays), len(metadata))
    head += b"".join(text(key) + value(x) for key, x in metadata.items())
    body = b""
    for name, (kind, stored, shape) in arrays.items():
        body += b"\0" * (-len(body) % 32)
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
        head += struct.pack("<IQ", TYPES[kind], len(body))
        body += np.ascontiguousarray(stored).tobytes()
    path.write_bytes(head + b"\0" * (-len(head) % 32) + body)
    return path


def permuted(matrix: np.ndarray, n_heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of Q and K, as its converter writes it."""
    return matrix.reshape(n_heads, 2, -1, *matrix.shape[1:]).swapaxes(1, 2).reshape(matrix.shape)


def converted(folder: Path, path: Path, store: Any) -> Path:
    """A checkpoint in Hugging Face layout as a GGUF file; `store`: a matrix -> (type, its bytes)."""
    config = json.loads((folder / "config.json").read_text())
    kind = "qwen2" if config["model_type"] == "qwen2" else "llama"
    rope = config.get("rope_parameters") or {}
    metadata = {
        "general.architecture": kind,
        "general.name": folder.name,
        f"{kind}.vocab_size": config["vocab_size"],
        f"{kind}.context_length": config["max_position_embeddings"],
        f"{kind}.embedding_length": config["hidden_size"],
        f"{kind}.block_count": config["num_hidden_layers"],
        f"{kind}.feed_forward_length": config["intermediate_size"],
        f"{kind}.attention.head_count": config["num_attention_heads"],
        f"{kind}.attention.head_count_kv": config["num_key_value_heads"],
        f"{kind}.attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        f"{kind}.rope.freq_base": float(rope.get("rope_theta", config.get("rope_theta", 10000.0))),
    }
    if config.get("head_dim"):
        metadata[f"{kind}.attention.key_length"] = config["head_dim"]
    arrays = {}
    for name, array in tensors(folder / "model.safetensors").items():
        stem, _, end = name.rpartition(".")
        block = ""
        if stem.startswith("model.layers."):
            _, _, number, stem = stem.split(".", 3)
            block = f"blk.{number}."
        if kind == "llama" and stem in ("self_attn.q_proj", "self_attn.k_proj"):
            heads = "num_attention_heads" if "q_proj" in stem else "num_key_value_heads"
            array = permuted(array, config[heads])
        kept = store(array) if array.ndim > 1 else ("F32", np.asarray(array, np.float32))
        arrays[f"{block}{NAMES[stem]}.{end}"] = (*kept, array.shape)
    return write(path, metadata, arrays)
