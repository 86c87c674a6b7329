"""Encoder-decoders against transformers and torch.nn.Transformer, on the files that golden/make_seq2seq.py wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import GOLDEN, tensors, worst

import core
from core.weights import load_pretrained, save, write

FOLDER = GOLDEN / "seq2seq"
NAMES = ("marian-tiny", "bart-tiny")
WHOLE, CONFIG = "model.safetensors", "config.json"


@pytest.fixture
def changed(tmp_path):
    """A copy of a checkpoint with fields of its config.json, and its tensors, changed; None takes one out."""

    def change(name, fields=None, others=None):
        config = json.loads((FOLDER / name / CONFIG).read_text()) | (fields or {})
        arrays = tensors(FOLDER / name / WHOLE) | (others or {})
        (tmp_path / CONFIG).write_text(json.dumps(config))
        write(tmp_path / WHOLE, {key: array for key, array in arrays.items() if array is not None})
        return tmp_path

    return change


@pytest.mark.parametrize("name", NAMES)
def test_parity(name):
    model, expected = load_pretrained(FOLDER / name), tensors(FOLDER / name / "expected.safetensors")
    config = model.config
    core.check_params(model.params, config)
    trace = core.forward(model.params, config, expected["target"], source=expected["source"])
    for stack, prefix, n in (("encoder", "encoder.", config.n_encoder_layers), ("decoder", "", config.n_layers)):
        for i in range(n):
            assert worst(trace[f"{prefix}blocks.{i}.resid_pre"], expected[f"{stack}.hidden.{i}"]) < 1e-5
            assert worst(trace[f"{prefix}blocks.{i}.attn.pattern"], expected[f"{stack}.attn.{i}"]) < 1e-5
        assert worst(trace[f"{prefix}blocks.{n - 1}.resid_post"], expected[f"{stack}.hidden.{n}"]) < 1e-5
    for i in range(config.n_layers):
        assert worst(trace[f"blocks.{i}.cross.pattern"], expected[f"cross.attn.{i}"]) < 1e-5
    assert worst(trace["logits"], expected["logits"]) < 1e-5
    loss, dlogits = core.cross_entropy(trace["logits"][:-1], expected["target"][1:])
    assert loss == pytest.approx(expected["loss"].item(), rel=1e-5)

    dlogits = np.vstack([dlogits, np.zeros_like(dlogits[:1])])
    grads = core.backward(model.params, config, trace, dlogits)
    theirs = tensors(FOLDER / name / "train.safetensors")
    assert loss == pytest.approx(theirs["loss"].item(), rel=1e-5)
    named = {ours_of(key): grad for key, grad in theirs.items() if key.startswith("grad.")}
    assert {*named} == {*grads} - {"unembed.b_U"}, "transformers never learns the bias of the logits"
    for name, grad in named.items():
        if name.endswith("W_pos"):
            grad = grad[2:]  # two rows of padding
        elif ".W_" in name and not name.endswith("embed.W_E"):
            grad = grad.T
        assert grads[name].shape == grad.shape, name
        scale = max(1e-3, float(np.abs(grad).max()))  # a bias of keys has none: the softmax takes it out
        assert np.abs(grads[name] - grad).max() / scale < 1e-4, name


def ours_of(key: str) -> str:
    """Our name of a parameter of BART or Marian, written here once more."""
    name = key.removeprefix("grad.model.")
    if name == "shared.weight":
        return "embed.W_E"
    stack, rest = name.split(".", 1)
    prefix = "encoder." if stack == "encoder" else ""
    for old, new in (("embed_positions.weight", "pos_embed.W_pos"), ("layernorm_embedding", "ln_embed")):
        if rest.startswith(old):
            return prefix + rest.replace(old, new).replace(".weight", ".w").replace(".bias", ".b")
    _, i, part, *more = rest.split(".")
    end = {"weight": "w", "bias": "b"}[more[-1]]
    norms = {"self_attn_layer_norm": "ln1", "encoder_attn_layer_norm": "ln_cross", "final_layer_norm": "ln2"}
    if part in norms:
        return f"{prefix}blocks.{i}.{norms[part]}.{end}"
    kind = end.upper() if end == "w" else end
    if part.startswith("fc"):
        return f"{prefix}blocks.{i}.mlp.{kind}_{'in' if part == 'fc1' else 'out'}"
    where = "attn" if part == "self_attn" else "cross"
    return f"{prefix}blocks.{i}.{where}.{kind}_{more[0][0].upper()}"


@pytest.mark.parametrize("name", NAMES)
def test_cache_and_saving(name, tmp_path):
    model, expected = load_pretrained(FOLDER / name), tensors(FOLDER / name / "expected.safetensors")
    target, source = expected["target"], expected["source"]
    cache = core.Cache(model.config)
    rows = [core.forward(model.params, model.config, target[:3], source=source, cache=cache)["logits"]]
    rows += [core.forward(model.params, model.config, target[i : i + 1], cache=cache)["logits"] for i in range(3, 8)]
    assert worst(np.concatenate(rows), expected["logits"]) < 1e-5
    save(tmp_path, model.params, model.config)
    again = load_pretrained(tmp_path)
    assert again.config == model.config
    assert all(np.array_equal(again.params[key], array) for key, array in model.params.items())


@pytest.mark.parametrize("at", ["post", "pre"])
def test_torch_transformer(at):
    """torch.nn.Transformer has a norm over each stack, in both its forms; here it is given embeddings."""
    file = {key.removeprefix(at + "."): t for key, t in tensors(FOLDER / "torch_transformer.safetensors").items()}
    config = core.Config(
        **dict(vocab_size=1, d_model=16, n_layers=1, n_heads=2, d_mlp=20, causal=True, norm="layer", norm_at=at),
        **dict(final_norm=True, qkv_bias=True, out_bias=True, mlp_bias=True, n_encoder_layers=2, cross=True),
    )
    params = {"embed.W_E": np.zeros((1, 16), np.float32)}
    for key, array in file.items():
        if not key.startswith("param."):
            continue
        stack, *rest = key.removeprefix("param.").split(".")
        prefix = "encoder." if stack == "encoder" else ""
        end = {"weight": "w", "bias": "b"}[rest[-1].removeprefix("in_proj_")]
        if rest[0] == "norm":
            params[f"{prefix}ln_final.{end}"] = array
            continue
        _, i, part, *_ = rest
        block, kind = f"{prefix}blocks.{i}.", end.upper() if end == "w" else end
        norms = {"norm1": "ln1", "norm2": "ln2"} if prefix else {"norm1": "ln1", "norm2": "ln_cross", "norm3": "ln2"}
        if part in norms:
            params[f"{block}{norms[part]}.{end}"] = array
        elif part.startswith("linear"):
            params[f"{block}mlp.{kind}_{'in' if part == 'linear1' else 'out'}"] = array.T
        else:
            where = "attn" if part == "self_attn" else "cross"
            letters = "QKV" if rest[-1].startswith("in_proj") else "O"
            for letter, piece in zip(letters, np.split(array, len(letters)), strict=True):
                params[f"{block}{where}.{kind}_{letter}"] = piece.T
    core.check_params(params, config)
    mask = np.arange(7) < 5
    inputs = dict(embeddings=file["target"], source_embeddings=file["source"], source_mask=mask)
    trace = core.forward(params, config, **inputs)
    assert worst(trace["ln_final.out"], file["out"]) < 1e-5


# ------------------------------------------------------------------------------------------------------- other files


def same(model: core.Pretrained, name: str) -> bool:
    usual = load_pretrained(FOLDER / name)
    return all(np.array_equal(model.params[key], array) for key, array in usual.params.items())


def test_the_table_may_stand_there_several_times(changed):
    table = tensors(FOLDER / "marian-tiny" / WHOLE)["model.shared.weight"]
    twice = {"model.encoder.embed_tokens.weight": table, "lm_head.weight": table}
    model = load_pretrained(changed("marian-tiny", None, twice))
    assert same(model, "marian-tiny") and {*twice} == {*model.unused}
    model = load_pretrained(changed("marian-tiny", None, {"model.shared.weight": None} | twice))
    assert same(model, "marian-tiny")
    with pytest.raises(core.WeightsError, match="embed_tokens"):
        load_pretrained(changed("marian-tiny", None, {"model.encoder.embed_tokens.weight": 2 * table}))


def test_two_tables_where_nothing_is_shared(changed):
    table = tensors(FOLDER / "marian-tiny" / WHOLE)["model.shared.weight"]
    own = {"model.encoder.embed_tokens.weight": table[:50], "model.decoder.embed_tokens.weight": table}
    fields = {"share_encoder_decoder_embeddings": False, "vocab_size": 50, "decoder_vocab_size": 80}
    model = load_pretrained(changed("marian-tiny", fields, {"model.shared.weight": None} | own))
    assert model.config.encoder_vocab_size == 50 and model.config.vocab_size == 80
    assert np.array_equal(model.params["encoder.embed.W_E"], table[:50])


@pytest.mark.parametrize("name", NAMES)
def test_without_the_head(changed, name):
    whole = load_pretrained(FOLDER / name)
    body = load_pretrained(FOLDER / name, without_head=True)
    assert not body.config.unembed and body.unused == ("final_logits_bias",)
    assert all(np.array_equal(array, whole.params[key]) for key, array in body.params.items())
    short = load_pretrained(FOLDER / name, n_ctx=9)
    assert short.config.n_ctx == 9
    core.check_params(short.params, short.config)


@pytest.mark.parametrize(
    ("name", "fields", "word"),
    [
        ("marian-tiny", {"model_type": "t5"}, "t5"),
        ("marian-tiny", {"model_type": "mbart"}, "mbart"),
        ("marian-tiny", {"normalize_before": True}, "normalize_before"),
        ("marian-tiny", {"normalize_embedding": True}, "normalize_embedding"),
        ("marian-tiny", {"static_position_embeddings": False}, "static_position_embeddings"),
        ("marian-tiny", {"is_encoder_decoder": False}, "is_encoder_decoder"),
        ("marian-tiny", {"tie_word_embeddings": False}, "tie_word_embeddings"),
        ("marian-tiny", {"decoder_vocab_size": 70}, "decoder_vocab_size"),
        ("marian-tiny", {"encoder_layers": 10**6}, "encoder_layers"),
        ("marian-tiny", {"activation_function": "tanh"}, "activation_function"),
        ("marian-tiny", {"relative_attention_num_buckets": 32}, "relative_attention_num_buckets"),
        ("bart-tiny", {"add_final_layer_norm": True}, "add_final_layer_norm"),
        ("bart-tiny", {"extra_pos_embeddings": 0}, "extra_pos_embeddings"),
        ("bart-tiny", {"scale_embedding": "yes"}, "scale_embedding"),
        ("bart-tiny", {"encoder_attention_heads": 5}, "the encoder"),
        ("bart-tiny", {"architectures": ["BartForSequenceClassification"]}, "BartForSequenceClassification"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(changed, name, fields, word):
    with pytest.raises(core.WeightsError, match=word):
        load_pretrained(changed(name, fields))


@pytest.mark.parametrize(
    ("others", "word"),
    [
        ({"model.decoder.layers.0.encoder_attn.q_proj.weight": None}, "encoder_attn.q_proj.weight"),
        ({"model.encoder.layers.0.encoder_attn.q_proj.weight": np.zeros((24, 24), np.float32)}, "encoder_attn"),
        ({"final_logits_bias": None}, "final_logits_bias"),
        ({"final_logits_bias": np.zeros(80, np.float32)}, "final_logits_bias"),
        ({"model.shared.weight": np.zeros((81, 24), np.float32)}, "shared.weight"),
    ],
)
def test_a_wrong_tensor_is_named(changed, others, word):
    with pytest.raises(core.WeightsError, match=word):
        load_pretrained(changed("marian-tiny", None, others))
