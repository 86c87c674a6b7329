"""Real weights: parity with transformers, and refusal by name of all that would change the numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import GOLDEN, configs, random_params, tensors, worst

import core
from core.weights import TensorFile, load_pretrained, save, write
from core.weights.folder import Folder

NAMES = sorted(path.name for path in GOLDEN.iterdir() if (path / "config.json").exists())
WHOLE, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"


@pytest.fixture
def changed(tmp_path):
    """A copy of a golden checkpoint with fields of its config.json, and its tensors, changed; None takes one out."""

    def change(name: str, fields: dict | None = None, others: dict | None = None) -> Path:
        config = json.loads((GOLDEN / name / CONFIG).read_text()) | (fields or {})
        all_tensors = tensors(GOLDEN / name / WHOLE) | (others or {})
        (tmp_path / CONFIG).write_text(json.dumps(config))
        write(tmp_path / WHOLE, {key: array for key, array in all_tensors.items() if array is not None})
        return tmp_path

    return change


def outputs(model: core.Pretrained, ids) -> np.ndarray:
    trace = core.forward(model.params, model.config, ids)
    return trace[f"blocks.{model.config.n_layers - 1}.resid_post"]


# -------------------------------------------------------------------------------------------------------- parity


@pytest.mark.parametrize("name", NAMES)
def test_parity(name):
    model = core.load_pretrained(GOLDEN / name)
    config, expected = model.config, tensors(GOLDEN / name / "expected.safetensors")
    core.check_params(model.params, config)
    assert {array.dtype for array in model.params.values()} == {np.dtype(np.float32)}

    trace = core.forward(model.params, config, expected["ids"])
    last = config.n_layers
    for i in range(last):
        assert worst(trace[f"blocks.{i}.resid_pre"], expected[f"hidden.{i}"]) < 1e-5
        assert worst(trace[f"blocks.{i}.attn.pattern"], expected[f"attn.{i}"]) < 1e-5
    end = trace["ln_final.out" if config.final_norm else f"blocks.{last - 1}.resid_post"]
    assert worst(end, expected[f"hidden.{last}"]) < 1e-5
    assert config.unembed == ("logits" in expected)
    if config.unembed:
        assert worst(trace["logits"], expected["logits"]) < 1e-5
        loss, _ = core.cross_entropy(trace["logits"][:-1], expected["ids"][1:])
        assert loss == pytest.approx(expected["loss"].item(), rel=1e-5)


def test_float64_reads_the_stored_numbers():
    one, two = (load_pretrained(GOLDEN / "bert-tiny", dtype=dtype) for dtype in (np.float32, np.float64))
    assert {array.dtype for array in two.params.values()} == {np.dtype(np.float64)}
    for name in one.params.keys() - {"pos_embed.W_pos"}:
        assert (one.params[name] == two.params[name]).all()
    stored = tensors(GOLDEN / "bert-tiny" / WHOLE)
    positions, types = (stored[f"embeddings.{x}_embeddings.weight"].astype(float) for x in ("position", "token_type"))
    assert (two.params["pos_embed.W_pos"] == positions + types[0]).all()
    with pytest.raises(core.ConfigError, match="float16"):
        load_pretrained(GOLDEN / "bert-tiny", dtype=np.float16)


def test_float32_is_mapped_not_copied_and_the_file_never_changes(changed):
    folder = changed("llama-gqa")
    before = (folder / WHOLE).read_bytes()
    model = load_pretrained(folder)
    assert not any(array.flags.owndata for array in model.params.values())
    assert model.params["embed.W_E"].flags.aligned
    for array in model.params.values():
        array += 1  # as an optimizer would
    assert (folder / WHOLE).read_bytes() == before


def test_half_precision_is_read_as_what_it_means(changed):
    stored = tensors(GOLDEN / "qwen2-tiny" / WHOLE)
    half = {name: array.astype(np.float16) for name, array in stored.items()}
    model = load_pretrained(changed("qwen2-tiny", others=half))
    assert (model.params["blocks.1.mlp.W_in"] == half["model.layers.1.mlp.up_proj.weight"].T.astype(np.float32)).all()


def test_bfloat16_and_an_odd_start(tmp_path):
    numbers = np.array([1.0, -2.5, 3.140625, 0.0, 2.0**120], np.float32)  # all exact in bfloat16
    bits = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    header = {
        "half": {"dtype": "BF16", "shape": [5], "data_offsets": [0, 10]},
        "whole": {"dtype": "F32", "shape": [5], "data_offsets": [10, 30]},
        "mask": {"dtype": "BOOL", "shape": [], "data_offsets": [30, 31]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + bits + numbers.tobytes() + b"\1")
    file = TensorFile(tmp_path / "x")
    for name in ("half", "whole"):
        assert file.array(name).dtype == np.float32
        assert file.array(name).flags.aligned
        assert (file.array(name) == numbers).all()
        assert (file.array(name, np.float64) == numbers).all()
    with pytest.raises(core.WeightsError, match=r"'mask'.*BOOL"):
        file.array("mask")


# ----------------------------------------------------------------------------------- what older files look like

OLD = [
    ("gpt2-tiny", {"n_ctx": 32, "task_specific_params": {"text-generation": {"max_length": 50}}}, {
        "transformer.h.0.attn.bias": np.ones((1, 1, 32, 32), np.float32),
        "transformer.h.2.attn.masked_bias": np.float32([-1e4]),
    }),
    ("bert-tiny", {"position_embedding_type": "absolute", "pruned_heads": {}, "pooler_type": "first_token_transform"}, {
        "embeddings.position_ids": np.arange(32)[None],
    }),
    ("distilbert-tiny", {"tie_weights_": True, "sinusoidal_pos_embds": True}, {}),
    ("llama-gqa", {"rope_parameters": None, "rope_scaling": None, "rope_theta": 10000.0, "torch_dtype": "float32"}, {
        "model.layers.1.self_attn.rotary_emb.inv_freq": np.ones(2, np.float32),
    }),
    ("qwen2-tiny", {"layer_types": None, "sliding_window": 4, "use_sliding_window": False, "use_mrope": False}, {}),
    ("gpt_neox-tiny", {"rope_parameters": None, "rotary_pct": 0.34, "rotary_emb_base": 500, "rope_theta": 500}, {
        "gpt_neox.layers.0.attention.rotary_emb.inv_freq": np.ones(2, np.float32),
        "gpt_neox.layers.0.attention.masked_bias": np.float32(-1e9),
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields", "others"), OLD)
def test_older_layouts(changed, name, fields, others):
    new, old = load_pretrained(GOLDEN / name), load_pretrained(changed(name, fields, others))
    assert old.config == new.config
    assert set(old.unused) == set(new.unused) | set(others)
    assert all((old.params[key] == new.params[key]).all() for key in new.params)


def test_names_of_older_files(changed):
    stored = tensors(GOLDEN / "bert-tiny" / WHOLE)
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for key, array in stored.items()
    }
    model = load_pretrained(changed("bert-tiny", others=dict.fromkeys(stored) | old))
    assert (model.params["ln_embed.w"] == stored["embeddings.LayerNorm.weight"]).all()


def test_a_body_saved_alone_has_no_logits(changed):
    stored = tensors(GOLDEN / "llama-gqa" / WHOLE)
    alone = {key.removeprefix("model."): array for key, array in stored.items() if key != "lm_head.weight"}
    fields = {"architectures": ["LlamaModel"]}
    model = load_pretrained(changed("llama-gqa", fields, dict.fromkeys(stored) | alone))
    assert not model.config.unembed
    assert (model.params["ln_final.w"] == stored["model.norm.weight"]).all()


def test_heads_can_be_left_out(changed):
    stored = tensors(GOLDEN / "bert-tiny" / WHOLE)
    whole = {"bert." + key: array for key, array in stored.items() if not key.startswith("pooler")}
    head = {"cls.predictions.bias": np.zeros(96, np.float32)}
    folder = changed("bert-tiny", {"architectures": ["BertForMaskedLM"]}, dict.fromkeys(stored) | whole | head)
    with pytest.raises(core.WeightsError, match=r"'BertForMaskedLM'.*without_head"):
        load_pretrained(folder)
    model = load_pretrained(folder, without_head=True)
    ids = np.arange(9)
    assert (outputs(model, ids) == outputs(load_pretrained(GOLDEN / "bert-tiny"), ids)).all()
    assert not load_pretrained(GOLDEN / "gpt2-tiny", without_head=True).config.unembed


def test_fewer_positions():
    for name in ("gpt2-tiny", "roberta-tiny", "mistral-tiny"):
        whole, short = load_pretrained(GOLDEN / name), load_pretrained(GOLDEN / name, n_ctx=7)
        core.check_params(short.params, short.config)
        assert (outputs(short, np.arange(7)) == outputs(whole, np.arange(7))).all()
        for wrong in (0, 33):
            with pytest.raises(core.ConfigError, match="n_ctx"):
                load_pretrained(GOLDEN / name, n_ctx=wrong)


def test_a_sliding_window_is_refused_unless_it_hides_nothing(changed):
    folder = changed("mistral-tiny", {"sliding_window": 8})
    with pytest.raises(core.WeightsError, match="sliding_window: 8"):
        load_pretrained(folder)
    with pytest.raises(core.WeightsError, match="sliding_window: 8"):
        load_pretrained(folder, n_ctx=9)
    assert load_pretrained(folder, n_ctx=8).config.n_ctx == 8
    long = {"max_position_embeddings": 32768}
    assert load_pretrained(changed("mistral-tiny", long | {"sliding_window": 4096})).config.n_ctx == 4096
    assert load_pretrained(changed("mistral-tiny", long | {"sliding_window": None})).config.n_ctx == 32768
    with pytest.raises(core.WeightsError, match="sliding_window: 8"):
        load_pretrained(
            changed("qwen2-tiny", {"layer_types": ["full_attention", "sliding_attention"]} | dict(sliding_window=8))
        )


# ------------------------------------------------------------------------------------------------------- saving


@given(config=configs, dtype=st.sampled_from(["F64", "F32", "F16"]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_save_and_load(tmp_path, config, dtype):
    params = random_params(config, 0)
    save(tmp_path / "a", params, config, dtype=dtype, metadata={"words": "não tem"})
    model = load_pretrained(tmp_path / "a", dtype=np.float64)
    assert (model.config, model.family, model.unused) == (config, "fibra", ())
    assert model.metadata == {"words": "não tem"}
    stored = {"F64": np.float64, "F32": np.float32, "F16": np.float16}[dtype]
    assert list(model.params) == list(params)
    assert all((model.params[name] == params[name].astype(stored)).all() for name in params)

    save(tmp_path / "b", dict(reversed(params.items())), config, dtype=dtype, metadata={"words": "não tem"})
    for name in (CONFIG, WHOLE):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_cannot_be_saved(tmp_path):
    config = core.Config(vocab_size=5, d_model=4, n_heads=1, n_layers=1)
    params = core.init_params(config)
    with pytest.raises(core.ConfigError, match="W_Q"):
        save(tmp_path, {name: array for name, array in params.items() if not name.endswith("W_Q")}, config)
    with pytest.raises(core.WeightsError, match="F8"):
        save(tmp_path, params, config, dtype="F8")
    unreadable = (({"a": 5}, "'a': 5"), ({"a": "\ud800"}, "half a"), ({"a": "x" * (1 << 20)}, "with the names"))
    for metadata, words in unreadable:
        with pytest.raises(core.WeightsError, match=f"metadata: .*{words}"):
            save(tmp_path, params, config, metadata=metadata)
    with pytest.raises(core.ConfigError, match="metadata"):
        save(tmp_path, params, config, metadata=["a"])
    with pytest.raises(core.ConfigError, match="folder"):
        save(None, params, config)
    params["embed.W_E"][0, 0] = 70000
    with pytest.raises(core.WeightsError, match=r"embed\.W_E.*F16"):
        save(tmp_path, params, config, dtype="F16")
    with pytest.raises(core.WeightsError, match="complex"):
        write(tmp_path / "x", {"a": np.zeros(2, complex)})
    assert not list(tmp_path.iterdir())


def test_our_own_config_is_checked_too(tmp_path):
    config = core.Config(vocab_size=5, d_model=4, n_heads=1, n_layers=1)
    save(tmp_path, core.init_params(config), config)
    values = json.loads((tmp_path / CONFIG).read_text())
    layers = ({"n_layers": 10**9}, {"n_encoder_layers": 10**7, "cross": True, "causal": True})
    for fields in (*layers, {"d_model": 10**400}, {"norm": "batch"}, {"gated": 1}, {"heads": 2}):
        (tmp_path / CONFIG).write_text(json.dumps(values | fields))
        with pytest.raises(core.WeightsError, match=next(iter(fields))):
            load_pretrained(tmp_path)


def test_transformers_reads_what_write_writes(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    arrays = {"b": np.arange(6).reshape(2, 3), "a": np.float32([[1]]), "c": np.zeros((0, 3), np.float16)}
    write(tmp_path / "x", arrays, {"format": "np"})
    read = numpy.load_file(tmp_path / "x")
    assert all((read[name] == arrays[name]).all() and read[name].dtype == arrays[name].dtype for name in arrays)


# --------------------------------------------------------------------------------------------------- tokenizer.json


def test_without_a_tokenizer_and_without_the_library(changed, monkeypatch):
    folder = changed("gpt2-tiny")
    with pytest.raises(core.WeightsError, match="has none"):
        load_pretrained(folder).tokenizer.encode("a")
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # as if it were not installed
    tokenizer = load_pretrained(folder).tokenizer
    assert tokenizer.problem == "" and tokenizer.encode("abb").ids.tolist() == [2, 1]


def test_tokenizer_json(changed):
    tokenizers = pytest.importorskip("tokenizers")
    folder = changed("gpt2-tiny")
    made = tokenizers.ByteLevelBPETokenizer()
    made.train_from_iterator(["Os pinguins não tem joelho"] * 3, vocab_size=300)
    made.enable_padding(length=40)
    made.enable_truncation(2)
    made.save(str(folder / "tokenizer.json"))
    tokenizer = Folder(folder).read_tokenizer()
    encoding = tokenizer.encode("Os pinguins não")
    assert encoding.ids.dtype == np.int64
    assert "".join(encoding.tokens) == "Os pinguins não"
    assert [piece.id for piece in encoding.work] == encoding.ids.tolist()
    assert tokenizer.decode(encoding.ids) == "Os pinguins não"

    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(core.WeightsError, match=r"tokenizer\.json"):
        Folder(folder).read_tokenizer().encode("a")


def byte_level(**more):
    """A byte-level BPE that learned a few words, as the `tokenizers` library holds it."""
    made = pytest.importorskip("tokenizers").ByteLevelBPETokenizer()
    made.train_from_iterator(["Os pinguins não têm joelho, coração"] * 5, vocab_size=320)
    made.add_special_tokens(["<|endoftext|>", "<s>"])
    made.add_tokens(["coração", "não é"])
    return made


def test_an_added_token_is_shown_as_it_is_written(changed):
    folder, made = changed("gpt2-tiny"), byte_level()
    made.save(str(folder / "tokenizer.json"))
    tokens = Folder(folder).read_tokenizer().encode("o coração não é têm").tokens
    assert "coração" in tokens and "não é" in tokens
    assert "".join(tokens) == "o coração não é têm"


def test_a_decoder_inside_a_sequence_spells_bytes_too(changed):
    decoders = pytest.importorskip("tokenizers.decoders")
    for nested in (False, True):
        folder, made = changed("gpt2-tiny"), byte_level()
        inner = [decoders.ByteLevel(), decoders.Fuse()]
        made._tokenizer.decoder = decoders.Sequence([decoders.Sequence(inner)] if nested else inner)
        made.save(str(folder / "tokenizer.json"))
        tokenizer = Folder(folder).read_tokenizer()
        encoding = tokenizer.encode("Os pinguins não")
        assert "".join(encoding.tokens) == "Os pinguins não" == tokenizer.decode(encoding.ids)
        assert "Ġ" not in "".join(encoding.tokens) and "Ã" not in "".join(encoding.tokens)


@pytest.mark.parametrize("special", ("<|endoftext|>", "<s>"))
def test_a_special_token_that_a_reader_types_is_text(changed, special):
    folder, made = changed("gpt2-tiny"), byte_level()
    made.save(str(folder / "tokenizer.json"))
    tokenizer = Folder(folder).read_tokenizer()
    encoding = tokenizer.encode(f"Os {special} não")
    assert made.token_to_id(special) not in encoding.ids and len(encoding.ids) > 4
    assert tokenizer.decode(encoding.ids) == f"Os {special} não"


# Ids that transformers 5.24's LlamaTokenizer gives with this vocabulary, with legacy false.
LLAMA_IDS = {
    **{"a b": [263, 259, 261], "  ab": [259, 266], " a": [263], "▁a": [263], "a  b ": [263, 264, 261, 259]},
    **{"ab": [266], "   ": [264, 259]},
}


@pytest.mark.parametrize("legacy", (False, True, None))
def test_llamas_tokenizer_begins_a_text_as_its_settings_say(changed, legacy):
    tokenizers = pytest.importorskip("tokenizers")
    folder, prepend = changed("llama-gqa"), tokenizers.normalizers.Prepend("▁")
    letters = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abc"]
    merges = [("▁", "a"), ("▁", "▁"), ("a", "b"), ("▁a", "b"), ("▁▁", "▁▁")]
    vocabulary = {token: i for i, token in enumerate([*letters, *map("".join, merges)])}
    model = tokenizers.models.BPE(vocabulary, merges, fuse_unk=True, byte_fallback=True, unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.normalizer = tokenizers.normalizers.Sequence([prepend, tokenizers.normalizers.Replace(" ", "▁")])
    made.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "LlamaTokenizer"} | ({} if legacy is None else {"legacy": legacy})
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = Folder(folder).read_tokenizer()
    for text, ids in LLAMA_IDS.items():
        assert tokenizer.encode(text).ids.tolist() == (made.encode(text).ids if legacy is not False else ids), text
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(core.WeightsError, match="tokenizer_config"):
        Folder(folder).read_tokenizer().encode("a")
