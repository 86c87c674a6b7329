"""Real weights: safetensors in and out, and one name map per model family.

>>> import core
>>> model = core.load_pretrained("tests/golden/gpt2-tiny")
>>> model.config.n_layers, model.params["blocks.0.attn.W_Q"].shape
(3, (24, 24))
"""

from core.tokenizer.huggingface import FileTokenizer
from core.weights.families import FAMILIES
from core.weights.load import Pretrained, load_pretrained, save
from core.weights.safetensors import TensorFile, write

__all__ = ["FAMILIES", "FileTokenizer", "Pretrained", "TensorFile", "load_pretrained", "save", "write"]
