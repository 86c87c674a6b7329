"""What load_pretrained refuses, and that it says which field, tensor or file is at fault."""

from __future__ import annotations

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import GOLDEN, tensors

import core
from core.strict_json import parse
from core.weights import load_pretrained, write

WHOLE, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"


def copy(name: str, to: Path) -> Path:
    for file in (CONFIG, WHOLE):
        (to / file).write_bytes((GOLDEN / name / file).read_bytes())
    return to


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(core.WeightsError) as error:
        load_pretrained(folder)
    for word in words:
        assert word in str(error.value)


# ------------------------------------------------------------------------------------------------- config.json

FIELDS = [
    ("gpt2-tiny", {"model_type": "t5"}),
    ("gpt2-tiny", {"model_type": None}),
    ("gpt2-tiny", {"model_type": ["gpt2"]}),
    ("gpt2-tiny", {"architectures": ["GPT2DoubleHeadsModel"]}),
    ("gpt2-tiny", {"architectures": "GPT2LMHeadModel"}),
    ("gpt2-tiny", {"scale_attn_by_inverse_layer_idx": True}),
    ("gpt2-tiny", {"scale_attn_weights": "yes"}),
    ("gpt2-tiny", {"add_cross_attention": True}),
    ("gpt2-tiny", {"is_encoder_decoder": True}),
    ("gpt2-tiny", {"activation_function": "quick_gelu"}),
    ("gpt2-tiny", {"activation_function": ["gelu"]}),
    ("gpt2-tiny", {"quantization_config": {"bits": 4}}),
    ("gpt2-tiny", {"is_causal": False}),
    ("gpt2-tiny", {"logit_scale": 2.0}),
    ("gpt2-tiny", {"auto_map": {"AutoModel": "evil.py"}}),
    ("gpt2-tiny", {"rope_theta": 500.0}),
    ("gpt2-tiny", {"n_layer": 10**8}),
    ("gpt2-tiny", {"vocab_size": "96"}),
    ("gpt2-tiny", {"vocab_size": True}),
    ("gpt2-tiny", {"vocab_size": 10**30}),
    ("gpt2-tiny", {"n_embd": 24.0}),
    ("gpt2-tiny", {"n_inner": -1}),
    ("gpt2-tiny", {"layer_norm_epsilon": 0}),
    ("gpt2-tiny", {"layer_norm_epsilon": 10**400}),
    ("bert-tiny", {"is_decoder": True}),
    ("bert-tiny", {"position_embedding_type": "relative_key"}),
    ("bert-tiny", {"pruned_heads": {"0": [1]}}),
    ("bert-tiny", {"hidden_act": "tanh"}),
    ("bert-tiny", {"architectures": ["BertForMaskedLM"]}),
    ("distilbert-tiny", {"layer_norm_eps": 1e-5}),
    ("roberta-tiny", {"pad_token_id": -1}),
    ("roberta-tiny", {"max_position_embeddings": 2}),
    ("llama-gqa", {"rope_scaling": {"type": "longrope", "factor": 2.0}}),
    ("llama-gqa", {"rope_scaling": {"type": ["linear"], "factor": 2.0}}),
    ("llama-gqa", {"rope_scaling": {"type": "linear"}}),
    ("llama-gqa", {"rope_scaling": {"type": "linear", "factor": 2.0, "beta_fast": 32}}),
    ("llama-gqa", {"rope_parameters": {"rope_type": "yarn", "factor": -1.0}}),
    ("llama-gqa", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "beta_fast": 1.0}}),
    ("llama-gqa", {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}),
    ("llama-gqa", {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1]}}),
    ("llama-gqa", {"partial_rotary_factor": 0.5}),
    ("llama-gqa", {"rope_interleaved": True}),
    ("llama-gqa", {"mlp_bias": True}),
    ("llama-gqa", {"sliding_window": 4}),
    ("llama-gqa", {"rms_norm_eps": None, "rms_norm_epsilon": 1e-5}),
    ("qwen2-tiny", {"use_mrope": True}),
    ("qwen2-tiny", {"layer_types": ["full_attention", "chunked_attention"]}),
    ("mistral-tiny", {"attention_bias": True}),
    ("gpt_neox-tiny", {"rope_theta": 1234.0}),
    ("gpt_neox-tiny", {"rope_parameters": {"rope_type": "dynamic"}}),
    ("gpt_neox-tiny", {"use_parallel_residual": 1}),
    ("gpt_neox-tiny", {"rope_parameters": None, "hidden_size": 10**9, "num_attention_heads": 1, "rotary_pct": 1e300}),
    ("llama-gqa", {"max_position_embeddings": 10**9, "rope_scaling": {"type": "dynamic", "factor": 1e300}}),
]


@pytest.mark.parametrize(("name", "fields"), FIELDS, ids=lambda x: "-".join(x) if isinstance(x, dict) else x)
def test_fields(tmp_path, name, fields):
    folder = copy(name, tmp_path)
    (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | fields))
    refused(folder, list(fields)[-1])


def test_a_share_of_each_head_that_llama_does_not_have(tmp_path):
    folder = copy("llama-gqa", tmp_path)
    config = json.loads((folder / CONFIG).read_text())
    config["rope_parameters"]["partial_rotary_factor"] = 0.5
    (folder / CONFIG).write_text(json.dumps(config))
    refused(folder, "partial_rotary_factor")


def test_combinations_that_no_config_allows(tmp_path):
    folder = copy("gpt2-tiny", tmp_path)
    config = json.loads((folder / CONFIG).read_text())
    for fields, word in (({"n_head": 5}, "n_heads"), ({"vocab_size": 10**9}, "parameters")):
        (folder / CONFIG).write_text(json.dumps(config | fields))
        refused(folder, CONFIG, word)


# ----------------------------------------------------------------------------------------------------- tensors

MATRIX = "transformer.h.1.mlp.c_fc.weight"
TENSORS = [
    ({MATRIX: None}, [MATRIX, "missing"]),
    ({MATRIX: np.zeros((96, 24), np.float32)}, [MATRIX, "(96, 24)", "(24, 96)"]),
    ({MATRIX: np.zeros((24, 96, 1), np.float32)}, [MATRIX, "shape"]),
    ({MATRIX: np.zeros((24, 96), np.int64)}, [MATRIX, "I64"]),
    ({"transformer.h.3.ln_1.weight": np.ones(24, np.float32)}, ["transformer.h.3.ln_1.weight"]),
    ({"transformer.h.0.attn.lora_A": np.ones(24, np.float32)}, ["transformer.h.0.attn.lora_A"]),
    ({"score.weight": np.ones((2, 24), np.float32)}, ["score.weight", "without_head"]),
    ({"lm_head.weight": np.ones((96, 24), np.float32)}, ["lm_head.weight", "differs", "tie_word_embeddings"]),
]


@pytest.mark.parametrize(("change", "words"), TENSORS)
def test_tensors(tmp_path, change, words):
    folder = copy("gpt2-tiny", tmp_path)
    stored = tensors(folder / WHOLE) | change
    write(folder / WHOLE, {name: array for name, array in stored.items() if array is not None})
    refused(folder, *words)


def test_a_second_copy_of_a_tied_matrix_is_fine(tmp_path):
    folder = copy("gpt2-tiny", tmp_path)
    stored = tensors(folder / WHOLE)
    write(folder / WHOLE, stored | {"lm_head.weight": stored["transformer.wte.weight"]})
    assert load_pretrained(folder).unused == ("lm_head.weight",)


def test_one_tensor_under_two_names(tmp_path):
    folder = copy("gpt_neox-tiny", tmp_path)
    stored = tensors(folder / WHOLE)
    write(folder / WHOLE, stored | {"lm_head.weight": stored["embed_out.weight"]})
    refused(folder, "embed_out.weight", "lm_head.weight", "again")


# ------------------------------------------------------------------------------------------------------- files


def with_header(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 1000)
    return buffer.getvalue()


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
FILES = {
    "empty": (b"", "header"),
    "seven bytes": (b"\1" * 7, "header"),
    "a header of 16 exabytes": (b"\xff" * 8 + b"{}", "header of 18,446,744,073,709,551,615"),
    "a header of 2 GB": ((2 << 30).to_bytes(8, "little") + b"{}", "header of 2,147,483,648 bytes"),
    "a header longer than the file": ((100).to_bytes(8, "little") + b"{}", "header"),
    "a header longer than the limit": ((2**24).to_bytes(8, "little") + b" " * 2**24, "at most"),
    "a pickle": (pickle.dumps({"a": np.zeros(100)}, protocol=2) * 3, "pickle"),
    "a zip": (zipped(), "zip"),
    "a list": (with_header([]), "object"),
    "a repeated name": (b"\x10\0\0\0\0\0\0\0" + b'{"a": 0, "a": 0}', "twice"),
    "no dtype": (with_header({"a": {"shape": [], "data_offsets": [0, 0]}}), "'a'"),
    "too much": (with_header({"a": ONE | {"x": 0}}, bytes(8)), "'a'"),
    "an unknown dtype": (with_header({"a": ONE | {"dtype": "F4"}}, bytes(8)), "'F4'"),
    "a negative size": (with_header({"a": ONE | {"shape": [-2]}}, bytes(8)), "shape"),
    "a fractional size": (with_header({"a": ONE | {"shape": [2.0]}}, bytes(8)), "shape"),
    "a true size": (with_header({"a": ONE | {"shape": [True, 2]}}, bytes(8)), "shape"),
    "an enormous size": (with_header({"a": ONE | {"shape": [2**62, 2**62]}}, bytes(8)), "shape"),
    "a shape that lies": (with_header({"a": ONE | {"shape": [3]}}, bytes(8)), "takes 12 bytes"),
    "offsets out of order": (with_header({"a": ONE | {"data_offsets": [8, 0]}}, bytes(8)), "data_offsets"),
    "offsets past the end": (with_header({"a": ONE}, bytes(7)), "cut short"),
    "bytes that are nobody's": (with_header({"a": ONE}, bytes(9)), "padded"),
    "a hole": (with_header({"a": ONE, "b": ONE | {"data_offsets": [9, 17]}}, bytes(17)), "'b'"),
    "an overlap": (with_header({"a": ONE, "b": ONE | {"data_offsets": [4, 12]}}, bytes(12)), "'b'"),
    "metadata of numbers": (with_header({"__metadata__": {"a": 1}, "a": ONE}, bytes(8)), "__metadata__"),
}


@pytest.mark.parametrize("what", FILES)
def test_files(tmp_path, what):
    content, word = FILES[what]
    folder = copy("gpt2-tiny", tmp_path)
    (folder / WHOLE).write_bytes(content)
    refused(folder, WHOLE, word)


def test_cut_short_anywhere(tmp_path):
    folder = copy("distilbert-tiny", tmp_path)
    whole = (folder / WHOLE).read_bytes()
    for end in (8, 100, len(whole) // 2, len(whole) - 1):
        (folder / WHOLE).write_bytes(whole[:end])
        refused(folder, WHOLE)


def test_other_things_than_files(tmp_path):
    refused(tmp_path / "nowhere", "no such folder")
    refused(tmp_path, CONFIG)
    (tmp_path / "model.zip").write_bytes(zipped())
    refused(tmp_path / "model.zip", "zip")
    copy("gpt2-tiny", tmp_path)
    refused(tmp_path / WHOLE, "not a folder")
    (tmp_path / WHOLE).unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    refused(tmp_path, "pytorch_model.bin", "pickle")
    os.mkfifo(tmp_path / WHOLE)
    refused(tmp_path, WHOLE, "not a file")
    (tmp_path / WHOLE).unlink()
    (tmp_path / WHOLE).mkdir()
    refused(tmp_path, WHOLE)
    for name in ("a\0.gguf", "a\ud800.gguf", "a\0"):
        refused(tmp_path / name, "cannot be a path")
    (tmp_path / CONFIG).unlink()
    os.mkfifo(tmp_path / CONFIG)
    refused(tmp_path, CONFIG)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_loaded_and_named(tmp_path, dtype, value):
    folder = copy("gpt2-tiny", tmp_path)
    stored = {name: array.astype(dtype) for name, array in tensors(folder / WHOLE).items()}
    write(folder / WHOLE, stored)
    assert load_pretrained(folder).broken == ()
    stored[MATRIX][-1, -1] = value
    write(folder / WHOLE, stored)
    with pytest.warns(UserWarning, match=f"{WHOLE}: tensor '{MATRIX}' .*blocks.1.mlp.W_in.* holds NaN or infinity"):
        model = load_pretrained(folder)
    assert model.broken == (MATRIX,) and not np.isfinite(np.asarray(model.params["blocks.1.mlp.W_in"])).all()
    assert load_pretrained(folder, check=False).broken == ()


# ------------------------------------------------------------------------------------------------------ shards


def shards(folder: Path, change: dict[str, str] | None = None) -> Path:
    """qwen2-tiny in two files; `change`: entries of the index made false."""
    stored = tensors(GOLDEN / "qwen2-tiny" / WHOLE)
    where = {name: f"model-{1 + i % 2}.safetensors" for i, name in enumerate(sorted(stored))}
    for shard in set(where.values()):
        write(folder / shard, {name: stored[name] for name in stored if where[name] == shard})
    (folder / CONFIG).write_bytes((GOLDEN / "qwen2-tiny" / CONFIG).read_bytes())
    (folder / INDEX).write_text(json.dumps({"weight_map": where | (change or {})}))
    return folder


def test_shards(tmp_path):
    one, two = load_pretrained(GOLDEN / "qwen2-tiny"), load_pretrained(shards(tmp_path))
    assert one.config == two.config
    assert all((one.params[name] == two.params[name]).all() for name in one.params)


OUTSIDE = ["../model-1.safetensors", "/etc/passwd", "..", "", "sub/model-1.safetensors", "sub\\x", "a\0b", "C:x"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_out_of_the_folder(tmp_path, path):
    refused(shards(tmp_path, {"model.norm.weight": path}), "is not the name of a file in the folder")


def test_indexes_that_lie(tmp_path):
    refused(shards(tmp_path, {"model.norm.weight": "model-3.safetensors"}), "model.norm.weight")
    refused(shards(tmp_path, {"model.norm.weight": "model-1.safetensors"}), "model.norm.weight")
    refused(shards(tmp_path, {"more": "model-1.safetensors"}), "more")
    for index in ({}, {"weight_map": {}}, {"weight_map": {"a": 1}}, {"weight_map": []}):
        (tmp_path / INDEX).write_text(json.dumps(index))
        refused(tmp_path, INDEX, "weight_map")
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {str(i): f"{i}.safetensors" for i in range(200)}}))
    refused(tmp_path, INDEX, "200 files")


@pytest.mark.parametrize("item", [b"[],", b"{},", b'{"a":0},'], ids=bytes.decode)
def test_more_parts_than_a_vocabulary_has_tokens_are_not_even_parsed(item):
    data = b'{"a":[' + item * 1_000_001 + b"0]}"
    tracemalloc.start()
    try:
        with pytest.raises(core.WeightsError, match="x: has more than 1,000,000 lists, objects or keys"):
            parse(data, "x")
        assert tracemalloc.get_traced_memory()[1] < len(data), "it took twenty times as much"
    finally:
        tracemalloc.stop()
    assert parse(b'{"a":[' + item * 9 + b"0]}", "x")["a"][-1] == 0


def test_links(tmp_path):
    for place in ("outside", "inside", "snapshots/abc", "blobs"):
        (tmp_path / place).mkdir(parents=True)
    copy("gpt2-tiny", tmp_path / "outside")
    copy("gpt2-tiny", tmp_path / "inside")
    (tmp_path / "inside" / WHOLE).unlink()
    (tmp_path / "inside" / WHOLE).symlink_to(tmp_path / "outside" / WHOLE)
    refused(tmp_path / "inside", WHOLE, "link")
    (tmp_path / "inside" / CONFIG).unlink()
    (tmp_path / "inside" / CONFIG).symlink_to(CONFIG)
    refused(tmp_path / "inside", CONFIG, "link")
    for name in (CONFIG, WHOLE):  # the layout of huggingface_hub's cache
        os.rename(tmp_path / "outside" / name, tmp_path / "blobs" / name)
        (tmp_path / "snapshots/abc" / name).symlink_to(f"../../blobs/{name}")
    assert load_pretrained(tmp_path / "snapshots/abc").config.n_layers == 3
