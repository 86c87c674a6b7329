"""Bring two models of the package `glassllm` (Oséias Dias de Farias, MIT) into the form in which models ship here.

    pip download --no-deps glassllm==0.1.0 && python -m models.convert glassllm-0.1.0-py3-none-any.whl

machado learned from books of Machado de Assis, alice from Lewis Carroll's, both from Project Gutenberg. Each goes to a
folder of its own: config.json and model.safetensors (float16) as core.weights.save writes them, tokenizer.json, the
package's LICENSE, and origin.json: where all of this comes from, and the loss that the package states.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from core.config import Config
from core.weights import save

HERE = Path(__file__).parent
MODELS = {"machado": "pt", "alice": "en"}
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
SPACE = "▁"
PIECES = rf"\n|{SPACE}*[^{SPACE}\n]+|{SPACE}+"  # which no merge crosses; of its tokenizer.py

# Its names of a block's parameters -> ours. Both keep matrices as (in, out).
NAMES = {
    **{"norm1.gamma": "ln1.w", "norm2.gamma": "ln2.w", "ffn.W1": "mlp.W_gate", "ffn.W3": "mlp.W_in"},
    **{"ffn.W2": "mlp.W_out"} | {f"attn.W_{x}": f"attn.W_{x}" for x in "QKVO"},
}


def config_of(said: dict[str, Any]) -> Config:
    """What its Config says, in ours. The MLP's width is 8/3 of the model's, as its nn.py has it."""
    return Config(
        vocab_size=said["vocab_size"],
        n_ctx=said["max_len"],
        d_model=said["d_model"],
        n_layers=said["n_layers"],
        n_heads=said["n_heads"],
        n_kv_heads=said["n_kv_heads"],
        d_mlp=8 * said["d_model"] // 3,
        causal=True,
        positions="rotary",
        rotary_base=said["rope_base"],
        norm="rms",
        norm_eps=said["eps"],
        final_norm=True,
        activation="silu",
        gated=True,
        unembed=True,
        tied_unembed=True,
    )


def params_of(theirs: dict[str, np.ndarray], config: Config) -> dict[str, np.ndarray]:
    """Its parameters by our names. Its rotary positions turn dimensions 2i and 2i + 1 of a head, ours i and i + d/2."""
    params = {"embed.W_E": theirs["E"]}
    for i in range(config.n_layers):
        for name, ours in NAMES.items():
            params[f"blocks.{i}.{ours}"] = theirs[f"blocks.{i}.{name}"]
        for name in ("W_Q", "W_K"):
            W = params[f"blocks.{i}.attn.{name}"]
            pairs = W.reshape(config.d_model, -1, config.head_width // 2, 2)
            params[f"blocks.{i}.attn.{name}"] = pairs.swapaxes(2, 3).reshape(W.shape)
    return params | {"ln_final.w": theirs["norm_f.gamma"]}


def tokenizer_of(said: dict[str, Any]) -> dict[str, Any]:
    """Its byte-pair encoding of characters, as a tokenizer.json says such a thing."""
    spelled = [*SPECIAL, *said["alphabet"], *(left + right for left, right in said["merges"])]
    added = [{"id": i, "content": token, "special": True, "normalized": False} for i, token in enumerate(SPECIAL)]
    space = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, space]},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": PIECES}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [{"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "Fuse"}],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "vocab": {token: i for i, token in enumerate(spelled)},
            "merges": said["merges"],
        },
    }


def convert(wheel: Path, name: str, target: Path) -> None:
    """Write one of MODELS to the folder `target`."""
    with ZipFile(wheel) as package:

        def read(ending: str) -> bytes:
            return package.read(f"glassllm/weights/{MODELS[name]}.{ending}")

        with np.load(io.BytesIO(read("npz"))) as arrays:
            theirs = {key: arrays[key] for key in arrays}
        config = config_of(json.loads(str(theirs.pop("__config__"))))
        tokenizer, measured = json.loads(read("tokenizer.json")), json.loads(read("meta.json"))
        licence = next(entry for entry in package.namelist() if entry.endswith("licenses/LICENSE"))
        save(target, params_of(theirs, config), config, dtype="F16", metadata={"license": "MIT"})
        (target / "LICENSE").write_bytes(package.read(licence))
    origin = {"package": "glassllm 0.1.0", "license": "MIT", "file": f"weights/{MODELS[name]}.npz"}
    origin |= {"measured": measured}
    for file, said in (("tokenizer.json", tokenizer_of(tokenizer)), ("origin.json", origin)):
        (target / file).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for chosen in MODELS:
        convert(Path(sys.argv[1]), chosen, HERE / chosen)
