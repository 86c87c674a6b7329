"""Real weights: safetensors in and out, GGUF in, and one name map per model family.

>>> import core
>>> model = core.load_pretrained("tests/golden/gpt2-tiny")
>>> model.config.n_layers, model.params["blocks.0.attn.W_Q"].shape
(3, (24, 24))
"""

from ..tokenizer.huggingface import FileTokenizer
from .card import Card, fingerprint
from .families import FAMILIES
from .finite import unwhole
from .load import Pretrained, load_pretrained, save
from .safetensors import TensorFile, write
from .stored import Stored

__all__ = [
    "FAMILIES",
    "Card",
    "FileTokenizer",
    "Pretrained",
    "Stored",
    "TensorFile",
    "fingerprint",
    "load_pretrained",
    "save",
    "unwhole",
    "write",
]
