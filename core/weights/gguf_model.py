"""A model in one GGUF file, as a folder in Hugging Face layout would give it: a config.json, and tensors by its names.

Source: llama.cpp (https://github.com/ggml-org/llama.cpp), gguf-py/gguf/constants.py for keys and names, and
convert_hf_to_gguf.py, `LlamaModel.permute`, for the rows of Q and K.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..config import RotaryScaling
from ..errors import WeightsError
from ..ops.positions import rotary_rates
from ..strict_json import quoted
from ..tokenizer.pretrained import Vocabulary
from .gguf import GGUFFile
from .gguf_tokenizer import tokenizer_of
from .half_precision import Half
from .quantized import Quantized
from .stored import Stored
from .tensors import Entry
from .transforms import Transform

ARCHITECTURES = ("llama", "mistral", "qwen2")
PERMUTED = ("llama", "mistral")  # whose rotary pairs ggml wants side by side

# A key behind "ARCHITECTURE." -> the field of config.json.
FIELDS = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "rope.freq_base": "rope_theta",
}
# Keys that change nothing with this value, and are refused with another.
INERT = {"expert_count": 0, "expert_used_count": 0}
# How rotary angles are scaled: the keys behind "ARCHITECTURE.rope.scaling.", and their names in config.json, if any.
SCALING_KEYS = {
    "type": "rope_type",
    "factor": "factor",
    "original_context_length": "original_max_position_embeddings",
    "finetuned": "",
}
SCALINGS = ("none", "linear", "yarn")
TRAINED, TURNS = 8192, (1.0, 4.0)  # of Llama 3, whose scaling is a tensor here
ROPE = "rope_freqs.weight"
WIDTHS = ("rope.dimension_count", "attention.value_length")  # of a head: as wide as its keys
NEEDED = ("embedding_length", "block_count", "feed_forward_length", "attention.head_count")

TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
OF_A_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GGUFModel(Mapping[str, Entry]):
    """Tensor name, as transformers has it -> Entry; and `config`, what config.json would say.

    Raises: WeightsError for an architecture, a key of it or a tensor that is not implemented.
    """

    def __init__(self, path: Any):
        self._file = GGUFFile(path)
        self.architecture = _architecture(self._file)
        self._theirs = {_name(name, self._file.name): name for name in self._file}
        self.config = self._config()
        self.metadata = {key: value for key, value in self._file.metadata.items() if isinstance(value, str)}

    def __getitem__(self, name: str) -> Entry:
        return self._file[self._theirs[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._theirs)

    def __len__(self) -> int:
        return len(self._theirs)

    def array(self, name: str, dtype: type | None = None) -> np.ndarray | Half | Quantized:
        """As GGUFFile.array; the rows of Q and K in transformers' order, in memory and not mapped."""
        array = self._file.array(self._theirs[name], dtype)
        part = name.rpartition("self_attn.")[2].partition(".")[0]
        if self.architecture not in PERMUTED or part not in ("q_proj", "k_proj"):
            return array
        heads = "num_attention_heads" if part == "q_proj" else "num_key_value_heads"
        order = unpaired(self[name].shape[0], self.config[heads])
        return array.reordered(order) if isinstance(array, Quantized) else array[order]

    def source(self, name: str) -> tuple[GGUFFile, str]:
        """The file that a tensor lies in, and its name there."""
        return self._file, self._theirs[name]

    def parts(self, name: str, transform: Transform, dtype: type | None) -> list[np.ndarray | Stored]:
        """The parameters that a tensor becomes. dtype None: as GGUFFile.array gives it."""
        return list(transform.split(self.array(name, dtype)))

    def read_tokenizer(self) -> Vocabulary:
        """What turns text into ids."""
        return tokenizer_of(self._file, self.config["vocab_size"])

    def _config(self) -> dict[str, Any]:
        file = self._file
        config: dict[str, Any] = {"model_type": self.architecture}
        config["architectures"] = [f"{self.architecture.title()}ForCausalLM"]
        for key in file.metadata:
            short = key.removeprefix(self.architecture + ".")
            if short == key:
                continue
            value = file.single(key)
            if short in FIELDS:
                config[FIELDS[short]] = value
            elif short.startswith("rope.scaling."):
                continue  # read in _scaling
            elif short not in WIDTHS and INERT.get(short) != value:
                raise WeightsError(f"{file.name}: {quoted(key)}: {quoted(value)} is not implemented")
        for short in NEEDED:
            if FIELDS[short] not in config:
                raise WeightsError(f"{file.name}: {self.architecture}.{short} is missing")
        if "token_embd.weight" not in file:
            raise WeightsError(f"{file.name}: tensor 'token_embd.weight' is missing")
        # What transformers takes for granted need not be what this file does.
        config.setdefault("vocab_size", file["token_embd.weight"].shape[0])
        config.setdefault("num_key_value_heads", config["num_attention_heads"])
        config.setdefault("rope_theta", 10000.0)
        config.setdefault("sliding_window", None)
        config["tie_word_embeddings"] = "output.weight" not in file
        if self.architecture == "llama":
            config["attention_bias"] = "blk.0.attn_q.bias" in file
        self._check_widths(config)
        config["rope_scaling"] = self._scaling(config)
        return config

    def _scaling(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """What config.json would say of scaled rotary angles. Raises: WeightsError for what is not implemented."""
        prefix = f"{self.architecture}.rope.scaling."
        said = {key.removeprefix(prefix): v for key, v in self._file.metadata.items() if key.startswith(prefix)}
        said = {"type": "linear" if "factor" in said else "none"} | said
        for key, value in said.items():
            known = value in SCALINGS if isinstance(value, str) else isinstance(value, float | int)
            if key not in SCALING_KEYS or not known:
                raise WeightsError(f"{self._file.name}: {quoted(prefix + key)}: {quoted(value)} is not implemented")
        if ROPE in self._file:
            return self._llama3(config)
        if said["type"] == "none" or (said["type"] == "linear" and "factor" not in said):
            return None
        if "factor" not in said:
            raise WeightsError(f"{self._file.name}: {prefix}factor is missing")
        known_here = ("type", "factor") if said["type"] == "linear" else SCALING_KEYS
        return {SCALING_KEYS[key]: said[key] for key in known_here if SCALING_KEYS[key] and key in said}

    def _llama3(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers behind a tensor of what each pair's rate is divided by.

        Every Llama 3 has the same ones but for the factor, which divides the slowest pair.
        Raises: WeightsError for a tensor that these do not give.
        """
        del self._theirs[ROPE]
        by, base = np.asarray(self._file.array(ROPE, np.float64)), config["rope_theta"]
        width = 2 * by.size
        if by.ndim == 1 and by.size and (np.isfinite(by) & (by >= 1)).all() and isinstance(base, float) and base > 0:
            scaling = RotaryScaling("llama3", float(by.max()), TRAINED, *TURNS)
            plain, scaled = (rotary_rates(1, width, base, how) for how in (None, scaling))
            if width == config.get("head_dim", width) and np.allclose(plain / by, scaled, rtol=1e-4, atol=0):
                said = {"low_freq_factor": TURNS[0], "high_freq_factor": TURNS[1], "factor": scaling.factor}
                return {"rope_type": "llama3", "original_max_position_embeddings": TRAINED, **said}
        raise WeightsError(f"{self._file.name}: tensor {quoted(ROPE)}: only Llama 3's scaling is implemented")

    def _check_widths(self, config: Mapping[str, Any]) -> None:
        """A head's keys, values and rotary part are of one width here."""
        n_heads = config["num_attention_heads"]
        if type(n_heads) is not int or n_heads < 1 or type(config["hidden_size"]) is not int:
            return  # refused where the fields are read
        width = config.get("head_dim", config["hidden_size"] // n_heads)
        for short in WIDTHS:
            said = self._file.metadata.get(f"{self.architecture}.{short}", width)
            if said != width:
                raise WeightsError(
                    f"{self._file.name}: {self.architecture}.{short}: {quoted(said)} is not implemented; {width} is"
                )


def unpaired(n_rows: int, n_heads: int) -> np.ndarray:
    """Which of ggml's rows of Q or K is transformers' row i, for every i.

    transformers turns dimension j of a head with dimension j + d_head / 2, ggml's llama with the one beside it.
    Raises: WeightsError where the rows do not divide into heads of an even width.
    """
    if not isinstance(n_heads, int) or n_heads < 1 or n_rows % (2 * n_heads):
        raise WeightsError(f"{n_rows} rows of Q or K are not {quoted(n_heads)} heads of an even width")
    return np.arange(n_rows).reshape(n_heads, -1, 2).swapaxes(1, 2).reshape(-1)


def _architecture(file: GGUFFile) -> str:
    said = file.single("general.architecture")
    if said not in ARCHITECTURES:
        raise WeightsError(
            f"{file.name}: general.architecture: {quoted(said)} is not implemented; {', '.join(ARCHITECTURES)} are"
        )
    return said


def _name(name: str, what: str) -> str:
    """ggml's name of a tensor -> transformers'. Raises: WeightsError for one that is not known."""
    stem, _, kind = name.rpartition(".")
    if kind in ("weight", "bias"):
        if stem in TENSORS:
            return f"{TENSORS[stem]}.{kind}"
        block, _, part = stem.removeprefix("blk.").partition(".")
        if stem.startswith("blk.") and block.isascii() and block.isdigit() and part in OF_A_BLOCK:
            return f"model.layers.{block}.{OF_A_BLOCK[part]}.{kind}"
    if name == ROPE:
        return name
    raise WeightsError(f"{what}: tensor {quoted(name)}: not implemented in this family of models")
