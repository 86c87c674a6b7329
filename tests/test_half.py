"""Checkpoints of 16 bits: as small in memory as in their file, and to the bit the same results as widened ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import GOLDEN, tensors

import core
from core.train.loop import Batch, Recipe, State, take_step
from core.weights import families, load_pretrained, save, stored
from core.weights.fields import Fields
from core.weights.half_precision import Half, widened

NAMES = sorted(path.name for path in GOLDEN.iterdir() if (path / "config.json").exists())
WHOLE, CONFIG = "model.safetensors", "config.json"
IDS = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


def narrow(array: np.ndarray, dtype: str) -> np.ndarray:
    """The float16, or the upper half of the float32 as uint16."""
    array = np.ascontiguousarray(array, np.float32)
    return array.astype(np.float16) if dtype == "F16" else (array.view(np.uint32) >> 16).astype(np.uint16)


def write_narrow(path: Path, arrays: dict[str, np.ndarray], dtype: str) -> None:
    """A safetensors file, written here: our own writer knows no bfloat16."""
    header, end = {}, 0
    for name, array in arrays.items():
        begin, end = end, end + 2 * array.size
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(narrow(array, dtype).tobytes())


@pytest.fixture(params=["F16", "BF16"])
def dtype(request):
    return request.param


@pytest.fixture(params=NAMES)
def folder(request, dtype, tmp_path):
    """A golden checkpoint, its numbers cut to 16 bits."""
    source = GOLDEN / request.param
    (tmp_path / CONFIG).write_bytes((source / CONFIG).read_bytes())
    write_narrow(tmp_path / WHOLE, tensors(source / WHOLE), dtype)
    return tmp_path


def test_same_bits_as_widened(folder, monkeypatch):
    monkeypatch.setattr(stored, "BAND", 1)  # bands of 64 columns: some matrices have more
    model, wide = load_pretrained(folder), load_pretrained(folder, dtype=np.float32)
    config = model.config
    core.check_params(model.params, config)
    assert {type(p) for p in wide.params.values()} == {np.ndarray}
    matrices = {name for name, p in wide.params.items() if p.ndim > 1}
    assert {name for name, p in model.params.items() if isinstance(p, Half)} >= matrices - {"pos_embed.W_pos"}
    for name, p in model.params.items():
        assert p.dtype == np.float32
        assert (np.asarray(p) == wide.params[name]).all(), name

    one, two = (core.forward(m.params, config, IDS) for m in (model, wide))
    assert one.keys() == two.keys()
    for name in one:
        assert one[name].dtype == np.float32
        assert (one[name] == two[name]).all(), name
    last = list(one)[-1]
    upstream = {last: np.random.default_rng(0).standard_normal(one[last].shape)}
    grads = [core.backward(m.params, config, trace, upstream=upstream) for m, trace in ((model, one), (wide, two))]
    assert grads[0].keys() == grads[1].keys() == wide.params.keys()
    for name in wide.params:
        assert (grads[0][name] == grads[1][name]).all(), name


@pytest.mark.parametrize("folder", ["gpt2-tiny"], indirect=True)
def test_generation_training_and_saving(folder, dtype, tmp_path):
    model, wide = load_pretrained(folder), load_pretrained(folder, dtype=np.float32)
    config = model.config
    texts = [[step.token for step in core.generate(m.params, config, IDS[0], 9, seed=1)] for m in (model, wide)]
    assert texts[0] == texts[1]

    states = [State.start(m.params) for m in (model, wide)]  # a copy, in float32: small steps would be lost in less
    losses = [take_step(state, config, Batch(IDS, IDS), Recipe()).loss for state in states for _ in range(2)]
    assert losses[:2] == losses[2:]
    for name, p in states[0].params.items():
        assert type(p) is np.ndarray
        assert (p == states[1].params[name]).all()
        assert (np.asarray(model.params[name]) == wide.params[name]).all()  # the model has not moved

    for m, place in ((model, "one"), (wide, "two")):
        save(tmp_path / place, m.params, config)
    assert (tmp_path / "one" / WHOLE).read_bytes() == (tmp_path / "two" / WHOLE).read_bytes()


def test_every_number_of_sixteen_bits():
    bits = np.arange(1 << 16).astype(np.uint16)
    f16 = bits.view(np.float16)
    assert np.array_equal(widened(f16), f16.astype(np.float64), equal_nan=True)
    exponent, fraction = (bits >> 7 & 255).astype(int), (bits & 127) / 128
    expected = np.where(bits >> 15, -1.0, 1.0) * np.where(
        exponent == 0, np.ldexp(fraction, -126), np.ldexp(1 + fraction, exponent - 127)
    )
    expected[exponent == 255] = np.where(fraction[exponent == 255] == 0, expected[exponent == 255] * np.inf, np.nan)
    assert np.array_equal(widened(bits), expected, equal_nan=True)


def test_half_is_an_array_of_float32(dtype):
    numbers = np.random.default_rng(0).standard_normal((6, 4), np.float32)
    W = Half(narrow(numbers, dtype))
    wide = np.asarray(W)
    assert np.abs(wide - numbers).max() < 0.02
    assert (W.shape, len(W), W.nbytes, W.dtype) == ((6, 4), 6, 48, np.float32)
    rows = np.array([[0, 5], [2, 2]])
    x = np.float32([[1, 2, 3, 4, 5, 6]])
    for got, expected in (
        (W[rows], wide[rows]),
        (W[2:, 1], wide[2:, 1]),
        (W[1, 2], wide[1, 2]),
        (W.T[:2], wide.T[:2]),
        (x @ W, x @ wide),
        (W.T @ x.T, wide.T @ x.T),
        (x.astype(np.float64) @ W, x.astype(np.float64) @ wide),
        (W * 2 - W, wide * 2 - wide),
        (np.sqrt(abs(W)), np.sqrt(abs(wide))),
        (np.add.reduce(W, axis=0), wide.sum(0)),
        (W.astype(np.float64).mean(), wide.astype(np.float64).mean()),
        (W.reshape(2, 3, 4), wide.reshape(2, 3, 4)),
        (np.concatenate([W, wide]), np.concatenate([wide, wide])),
        (np.asarray(W, np.float64), wide.astype(np.float64)),
    ):
        assert got.dtype == expected.dtype
        assert np.array_equal(got, expected)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(W, copy=False)
    with pytest.raises(TypeError):
        W[0, 0] = 1
    with pytest.raises(AttributeError):
        _ = W._unknown


# -------------------------------------------------------------------------------------------------------- memory

MEASURED = """
import sys
import numpy as np
import core

def memory(name):  # the system's own count, in bytes: what is mapped counts where it was touched
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

x = np.ones((64, 64), np.float32)
x @ x  # BLAS allocates its own room once
before = memory("VmHWM")
model = core.load_pretrained(sys.argv[1])
print(memory("VmHWM") - before)
trace = core.forward(model.params, model.config, np.arange(16), names=["logits"])
print(memory("VmHWM") - before, memory("VmRSS") - before)
"""


FAMILIES = {
    "gpt2": dict(n_embd=512, n_layer=4, n_head=8, n_positions=64, architectures=["GPT2LMHeadModel"]),
    "gpt_neox": dict(
        **dict(hidden_size=512, num_hidden_layers=6, num_attention_heads=8, intermediate_size=2048),
        **dict(max_position_embeddings=64, architectures=["GPTNeoXForCausalLM"]),
    ),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux counts memory there")
@pytest.mark.parametrize("family", FAMILIES)
def test_loading_and_running_take_the_memory_of_the_file(family, dtype, tmp_path):
    fields = dict(model_type=family, vocab_size=30000) | FAMILIES[family]
    (tmp_path / CONFIG).write_text(json.dumps(fields))
    plan = families.family(family)(Fields(fields))
    shapes = core.param_shapes(plan.config)
    arrays = {}
    for name, transform in (plan.body | ({} if plan.config.tied_unembed else plan.head)).items():
        for i in range(plan.config.n_layers):
            shape = transform.shape([shapes[target] for target in transform.of_block(i).targets])
            arrays[name.replace("{i}", str(i))] = np.full(shape, 0.01, np.float32)
    write_narrow(tmp_path / WHOLE, arrays, dtype)

    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    run = subprocess.run(command, cwd=GOLDEN.parents[1], check=True, capture_output=True, text=True)
    loaded, peak, after = map(int, run.stdout.split())
    size = (tmp_path / WHOLE).stat().st_size
    assert size > 50e6
    assert loaded < 0.5 * size  # of all, gpt_neox alone takes something apart: the queries, keys and values of a head
    # A band of 4 MB is widened at a time; logits of 16 tokens take 2 MB; code imported on the way, some more
    assert max(peak, after) < 1.1 * size + 12e6
