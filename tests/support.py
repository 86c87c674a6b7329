"""What several tests share: golden checkpoints in our names, and Configs drawn at random."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import core
from core.config import CHOICES, SCALINGS, RotaryScaling
from core.interventions import PARTS
from core.kinds import Choice, Flag, Kind, Maybe, Name, Number, Rows, Several, Text, Whole
from core.scene.fields import OVERRIDES, Part, Trail
from core.scene.fields import kinds as kinds_of
from core.scene.sentence import fit_sentence
from pictures.words import words_of
from ui import on_demand

GOLDEN = Path(__file__).parent / "golden"
PAGES = Path(__file__).parents[1] / "pages"
ONE_STACK = [name for name, preset in core.PRESETS.items() if not preset.config.n_encoder_layers]
DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}


def worst(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest magnitude that was expected."""
    assert got.shape == expected.shape, (got.shape, expected.shape)
    return float(np.abs(got - expected).max() / np.abs(expected).max())


# -------------------------------------------------------------------------------------------------------- golden


def tensors(path: Path) -> dict[str, np.ndarray]:
    """A safetensors file that this project generated itself: 8 bytes of header length, JSON, raw numbers."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(raw[start:], DTYPES[about["dtype"]], *_span(about)).reshape(about["shape"])
        for name, about in header.items()
    }


def _span(about: dict) -> tuple[int, int]:
    begin, end = about["data_offsets"]
    return (end - begin) // np.dtype(DTYPES[about["dtype"]]).itemsize, begin


def golden(name: str) -> tuple[core.Config, dict[str, np.ndarray]]:
    """(Config, params) of a checkpoint in tests/golden."""
    folder = GOLDEN / name
    return CONFIGS[name], ours(name, tensors(folder / "model.safetensors"))


CONFIGS = {
    "gpt2-tiny": core.Config(
        **dict(vocab_size=96, n_ctx=32, d_model=24, n_layers=3, n_heads=4, d_mlp=96, causal=True, positions="learned"),
        **dict(norm="layer", final_norm=True, qkv_bias=True, out_bias=True, mlp_bias=True, activation="gelu_tanh"),
        **dict(unembed=True, tied_unembed=True),
    ),
    "bert-tiny": core.Config(
        **dict(vocab_size=96, n_ctx=32, d_model=24, n_layers=2, n_heads=3, d_mlp=40, positions="learned"),
        **dict(norm="layer", norm_at="post", norm_eps=1e-12, embed_norm=True, activation="gelu"),
        **dict(qkv_bias=True, out_bias=True, mlp_bias=True),
    ),
    "llama-gqa": core.Config(
        **dict(vocab_size=96, n_ctx=64, d_model=32, n_layers=2, n_heads=8, n_kv_heads=2, d_head=4, d_mlp=48),
        **dict(causal=True, positions="rotary", norm="rms", norm_eps=1e-6, final_norm=True, activation="silu"),
        **dict(gated=True, unembed=True),
    ),
}

# (their name, our name); a matrix of theirs is (out, in), but for GPT-2's.
RENAMED = {
    "gpt2-tiny": [
        (r"transformer\.wte\.weight", "embed.W_E"),
        (r"transformer\.wpe\.weight", "pos_embed.W_pos"),
        (r"transformer\.h\.(\d+)\.ln_(\d)\.weight", r"blocks.\1.ln\2.w"),
        (r"transformer\.h\.(\d+)\.ln_(\d)\.bias", r"blocks.\1.ln\2.b"),
        (r"transformer\.h\.(\d+)\.attn\.c_attn\.weight", r"blocks.\1.attn.W_QKV"),
        (r"transformer\.h\.(\d+)\.attn\.c_attn\.bias", r"blocks.\1.attn.b_QKV"),
        (r"transformer\.h\.(\d+)\.attn\.c_proj\.weight", r"blocks.\1.attn.W_O"),
        (r"transformer\.h\.(\d+)\.attn\.c_proj\.bias", r"blocks.\1.attn.b_O"),
        (r"transformer\.h\.(\d+)\.mlp\.c_fc\.weight", r"blocks.\1.mlp.W_in"),
        (r"transformer\.h\.(\d+)\.mlp\.c_fc\.bias", r"blocks.\1.mlp.b_in"),
        (r"transformer\.h\.(\d+)\.mlp\.c_proj\.weight", r"blocks.\1.mlp.W_out"),
        (r"transformer\.h\.(\d+)\.mlp\.c_proj\.bias", r"blocks.\1.mlp.b_out"),
        (r"transformer\.ln_f\.weight", "ln_final.w"),
        (r"transformer\.ln_f\.bias", "ln_final.b"),
    ],
    "bert-tiny": [
        (r"embeddings\.word_embeddings\.weight", "embed.W_E"),
        (r"embeddings\.position_embeddings\.weight", "pos_embed.W_pos"),
        (r"embeddings\.LayerNorm\.weight", "ln_embed.w"),
        (r"embeddings\.LayerNorm\.bias", "ln_embed.b"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.query\.weight", r"blocks.\1.attn.W_Q"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.query\.bias", r"blocks.\1.attn.b_Q"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.key\.weight", r"blocks.\1.attn.W_K"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.key\.bias", r"blocks.\1.attn.b_K"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.value\.weight", r"blocks.\1.attn.W_V"),
        (r"encoder\.layer\.(\d+)\.attention\.self\.value\.bias", r"blocks.\1.attn.b_V"),
        (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.weight", r"blocks.\1.attn.W_O"),
        (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.bias", r"blocks.\1.attn.b_O"),
        (r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.weight", r"blocks.\1.ln1.w"),
        (r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.bias", r"blocks.\1.ln1.b"),
        (r"encoder\.layer\.(\d+)\.intermediate\.dense\.weight", r"blocks.\1.mlp.W_in"),
        (r"encoder\.layer\.(\d+)\.intermediate\.dense\.bias", r"blocks.\1.mlp.b_in"),
        (r"encoder\.layer\.(\d+)\.output\.dense\.weight", r"blocks.\1.mlp.W_out"),
        (r"encoder\.layer\.(\d+)\.output\.dense\.bias", r"blocks.\1.mlp.b_out"),
        (r"encoder\.layer\.(\d+)\.output\.LayerNorm\.weight", r"blocks.\1.ln2.w"),
        (r"encoder\.layer\.(\d+)\.output\.LayerNorm\.bias", r"blocks.\1.ln2.b"),
    ],
    "llama-gqa": [
        (r"model\.embed_tokens\.weight", "embed.W_E"),
        (r"model\.layers\.(\d+)\.input_layernorm\.weight", r"blocks.\1.ln1.w"),
        (r"model\.layers\.(\d+)\.post_attention_layernorm\.weight", r"blocks.\1.ln2.w"),
        (r"model\.layers\.(\d+)\.self_attn\.q_proj\.weight", r"blocks.\1.attn.W_Q"),
        (r"model\.layers\.(\d+)\.self_attn\.k_proj\.weight", r"blocks.\1.attn.W_K"),
        (r"model\.layers\.(\d+)\.self_attn\.v_proj\.weight", r"blocks.\1.attn.W_V"),
        (r"model\.layers\.(\d+)\.self_attn\.o_proj\.weight", r"blocks.\1.attn.W_O"),
        (r"model\.layers\.(\d+)\.mlp\.gate_proj\.weight", r"blocks.\1.mlp.W_gate"),
        (r"model\.layers\.(\d+)\.mlp\.up_proj\.weight", r"blocks.\1.mlp.W_in"),
        (r"model\.layers\.(\d+)\.mlp\.down_proj\.weight", r"blocks.\1.mlp.W_out"),
        (r"model\.norm\.weight", "ln_final.w"),
        (r"lm_head\.weight", "unembed.W_U"),
    ],
}


def ours(name: str, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A checkpoint's tensors, or their gradients, under our names and in our (in, out) layout."""
    out: dict[str, np.ndarray] = {}
    for key, array in theirs.items():
        for pattern, replacement in RENAMED[name]:
            if match := re.fullmatch(pattern, key):
                new = match.expand(replacement)
                stored_as_ours = name == "gpt2-tiny" or array.ndim == 1 or new in ("embed.W_E", "pos_embed.W_pos")
                out[new] = array if stored_as_ours else array.T
    for key in [key for key in out if key.endswith("QKV")]:  # GPT-2 keeps the three side by side
        for letter, part in zip("QKV", np.split(out.pop(key), 3, axis=-1), strict=True):
            out[key.removesuffix("QKV") + letter] = part
    if "embeddings.token_type_embeddings.weight" in theirs:  # every token is of the first type
        out["pos_embed.W_pos"] = out["pos_embed.W_pos"] + theirs["embeddings.token_type_embeddings.weight"][0]
    return out


# ------------------------------------------------------------------------------------------------- random Configs


def random_config(draw: random.Random) -> core.Config:
    """A small Config with every choice drawn."""
    n_heads = draw.choice((1, 2, 4))
    width = draw.choice((2, 4, 6) if n_heads > 1 else (4, 6))  # of two numbers a norm leaves only the sign
    norm = draw.choice(CHOICES["norm"])
    norm_at = draw.choice(CHOICES["norm_at"])
    projections = draw.random() < 0.85
    free_width = projections and draw.random() < 0.3
    positions = draw.choice(CHOICES["positions"])
    d_mlp = draw.choice((0, 7, 12))
    unembed = draw.random() < 0.7
    config = core.Config(
        vocab_size=draw.randint(5, 11),
        n_ctx=9,
        d_model=draw.choice((5, 6, 8)) if free_width else n_heads * width,
        n_layers=draw.randint(1, 3),
        n_heads=n_heads,
        n_kv_heads=draw.choice([k for k in (1, 2, 4, None) if k is None or n_heads % k == 0]) if projections else None,
        d_head=width if free_width else None,
        d_mlp=d_mlp,
        causal=draw.random() < 0.5,
        scale=draw.random() < 0.8,
        positions=positions,
        rotary_base=draw.choice((100.0, 10000.0)),
        rotary_dim=draw.choice((None, 2)) if positions == "rotary" else None,
        norm=norm,
        norm_at=norm_at,
        embed_norm=norm != "none" and draw.random() < 0.3,
        final_norm=norm != "none" and draw.random() < 0.5,
        residual=draw.random() < 0.8,
        parallel=(norm == "none" or norm_at == "pre") and draw.random() < 0.3,
        projections=projections,
        qkv_bias=draw.random() < 0.5,
        out_bias=draw.random() < 0.5,
        mlp_bias=draw.random() < 0.5,
        activation=draw.choice(CHOICES["activation"]),
        gated=bool(d_mlp) and draw.random() < 0.4,
        unembed=unembed,
        tied_unembed=unembed and draw.random() < 0.4,
        unembed_bias=unembed and draw.random() < 0.4,
    )
    return config.replace(rotary_scaling=random_scaling(draw)) if positions == "rotary" and n_heads > 1 else config


def random_scaling(draw: random.Random) -> RotaryScaling:
    """Rotary positions scaled in one of the ways that there are, so that six tokens tell it from another."""
    return RotaryScaling(
        kind=draw.choice(SCALINGS[:1] + SCALINGS[2:]),
        factor=draw.choice((1.0, 2.5, 4)),
        trained=draw.choice((3, 40)),
        slow=draw.choice((0.5, 1.0)),
        fast=draw.choice((2.0, 32)),
        magnitude=draw.choice((1.0, 1.2)),
        whole=draw.random() < 0.5,
    )


def with_encoder(config: core.Config, draw: random.Random) -> core.Config:
    """The same model as the decoder of an encoder-decoder."""
    own_heads = config.projections and draw.random() < 0.3
    return config.replace(
        parallel=False,
        cross=True,
        n_encoder_layers=draw.randint(1, 2),
        n_encoder_heads=1 if own_heads and config.d_head is None and config.d_model % 2 == 0 else None,
        encoder_d_mlp=draw.choice((None, 0, 5)),
        encoder_vocab_size=draw.choice((None, 6)),
        embed_scale=draw.random() < 0.5,
        sine_halves=config.positions == "sinusoidal" and draw.random() < 0.5,
    )


def random_params(config: core.Config, seed: int, dtype: type = np.float64) -> dict[str, np.ndarray]:
    """Parameters none of which is at its start: biases are not 0, norms are not 1, tied embeddings are not tiny."""
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in core.param_shapes(config).items():
        draw = rng.standard_normal(shape)
        params[name] = (1 + 0.3 * draw if name.endswith(".w") else draw / np.sqrt(shape[0])).astype(dtype)
    return params


configs = st.randoms(use_true_random=False).map(random_config)


# --------------------------------------------------------------------------------------------------- random Scenes


def values_of(kind: Kind) -> st.SearchStrategy:
    """Values that a field of this kind takes by itself."""
    match kind:
        case Whole():
            return st.integers(kind.low, kind.high)
        case Number():
            return st.floats(kind.low, kind.high)
        case Choice():
            return st.sampled_from([*kind.options])
        case Flag():
            return st.booleans()
        case Name():
            return st.just("") | st.from_regex(kind.pattern, fullmatch=True)
        case Text():
            return st.text(max_size=90).map(lambda text: kind.fits(kind.form(text))).filter(kind.takes)
        case Maybe():
            return st.none() | values_of(kind.kind)
        case Several():
            return st.sets(values_of(kind.kind), max_size=3).map(lambda found: tuple(sorted(found)))
        case Trail():
            names = st.sampled_from(["embed", "logits", "blocks.0.attn.pattern", "draw.final", "of.nobody"])
            places = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple)
            return st.lists(st.tuples(names, places), max_size=3).map(tuple)
        case Part():
            names = st.sampled_from(["blocks.0.resid_pre", "blocks.0.mlp_out", "blocks.2.resid_pre"])
            heads = st.tuples(st.just("blocks.0.attn.z"), st.lists(st.integers(0, 3), max_size=2).map(tuple))
            return heads | st.tuples(names, st.lists(st.integers(0, 3), max_size=1).map(tuple))
        case Rows():
            columns = [values_of(column) for column in kind.columns.values()]
            rows = st.lists(st.tuples(*columns), max_size=3, unique_by=lambda row: row[: kind.keys])
            return rows.map(kind.gathered)
    raise NotImplementedError(f"how is a {type(kind).__name__} drawn?")


ALONE = (
    "model",
    "sentence",
    "split",
    "overrides",
    "edits",
    "ablated",
    "patch",
    "patch_source",
    "pinned",
)  # each must fit others


@cache
def of_field(name: str) -> st.SearchStrategy:
    """The values of this field of a Scene, made once: what is new is looked through before it is drawn from."""
    return values_of(kinds_of(core.Scene)[name])


@cache
def of_part(name: str) -> st.SearchStrategy:
    """The values of this part of a model."""
    return values_of(OVERRIDES.kinds[name])


@st.composite
def scenes(draw: st.DrawFn) -> core.Scene:
    """Any Scene: every field drawn as its kind says, those that must fit one another so that they do."""
    model, split = draw(of_field("model")), draw(of_field("split"))
    sentence = fit_sentence(draw(st.text(max_size=90)), split, model)[0]
    if fit_sentence(sentence, split, model)[0] != sentence:  # what the cut left is blank
        sentence = ""
    scene = core.Scene(model=model, split=split, sentence=sentence)
    for name in draw(st.lists(st.sampled_from([*OVERRIDES.kinds]), max_size=5)):
        try:
            scene = scene.override(**{name: draw(of_part(name))})
        except (core.ConfigError, core.SceneError):  # does not fit the others, or what the model has learned
            continue
    n, c = len(scene.tokens), scene.config
    cells = st.tuples(st.integers(0, n - 1), st.integers(0, c.d_model - 1))
    edits = draw(st.dictionaries(cells, values_of(kinds_of(core.Scene)["edits"].columns["value"]), max_size=5))
    heads = st.tuples(st.integers(0, c.n_layers - 1), st.integers(0, c.n_heads - 1))
    elsewhere = st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from(["cross", "encoder"]))
    scene = scene.turn(
        edits={(*cell, value) for cell, value in edits.items()},
        ablated={head for head in draw(st.sets(heads | elsewhere, max_size=3)) if len(head) == 2 or c.n_encoder_layers},
        **{name: draw(of_field(name)) for name in kinds_of(core.Scene) if name not in ALONE},
    )
    patch = draw(of_field("patch"))
    if patch and scene.can_patch(patch, scene.text):  # from its own run: nothing alters
        scene = scene.turn(patch=patch, patch_source=scene.text)
    return scene.pin().turn(temperature=2.0) if draw(st.booleans()) else scene


def sourced(config: core.Config, *shape: int) -> dict[str, np.ndarray]:
    """What `forward` is given beside ids, of a model with an encoder: ids [*shape] of a source; else nothing."""
    if not config.n_encoder_layers:
        return {}
    return {"source": np.random.default_rng(0).integers(0, config.encoder.vocab_size, shape)}


def random_scenes(n: int, seed: int, models: Sequence[str] = ONE_STACK) -> list[core.Scene]:
    """Scenes of these presets with sizes, words, parts, heads and the view drawn; some repeat a word, few explode."""
    draw, scenes = random.Random(seed), []
    while len(scenes) < n:
        model = models[len(scenes) % len(models)]
        sentence = " ".join(
            draw.choice(["um", "peixe", "vê", "<b>", "$x$", "o", "tem"]) for _ in range(draw.randint(2, 7))
        )
        scene = core.Scene(model=model, sentence=draw.choice(["", sentence]), seed=draw.randint(0, 99))
        if model != "penguins" and not core.PRESETS[model].trained:
            values = {
                "n_layers": draw.randint(1, 3),
                "positions": draw.choice(CHOICES["positions"]),
            }
            values["activation"] = draw.choice(CHOICES["activation"])
            scene = scene.override(**values, norm=draw.choice(CHOICES["norm"]), norm_at=draw.choice(CHOICES["norm_at"]))
        scene = scene.turn(
            off=tuple(sorted(draw.sample(PARTS, draw.choice([0, 0, 1, 2])))),
            temperature=draw.choice([0.5, 1.0, 2.0]),
            layer=draw.randint(0, 3),
            head=draw.randint(0, 3),
            query=draw.randint(0, 6),
            key=draw.randint(0, 6),
            second_norm=draw.random() < 0.5,
            dimension=draw.randint(0, 70),
        )
        if draw.random() < 0.3:
            kind = ((), ("cross",), ("encoder",))[len(scenes) % 3 if scene.config.n_encoder_layers else 0]
            scene = scene.turn(ablated=((*scene.place, *kind),))
        scenes.append(scene)
    return scenes


def written(text: str) -> list[float]:
    """The numbers in a sentence of either language, those with a power of ten whole.

    Where a separator may be either language's, as in `1,234`, both readings are there, that of the thousands last.
    """
    ordinary = re.sub(r"(?<=\d)([.,])(?=\d{3}[.,]\d)", "", text.replace("−", "-"))
    thousands = [
        float(re.sub("[.,]", "", found)) for found in re.findall(r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?!\d)", ordinary)
    ]
    ordinary = ordinary.replace(",", ".")
    powers = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    ordinary = re.sub(r"\s×\s10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda match: "e" + match[1].translate(powers), ordinary)
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", ordinary)] + thousands


# --------------------------------------------------------------------------------------------------- on a page


def fine(at: AppTest) -> AppTest:
    """The same, which shows no exception."""
    assert not at.exception, at.exception[0].value
    return at


def pressed(at: AppTest, key: str) -> AppTest:
    """The page after a button was pressed."""
    return fine(at.button(key=key).click().run())


def slices_done(at: AppTest, name: str, do: Callable[..., Any]) -> AppTest:
    """The page after all parts of a work that comes in slices were done, as its clock does them."""
    asked = at.session_state[on_demand.ASKED][name]
    while asked.done < len(asked.parts):
        on_demand._slice(on_demand.Work(name, do, list, None, bool), asked, words_of("en"))
    return fine(at.run())


def html(at: AppTest) -> str:
    """All HTML that the page writes beside its boards."""
    return "\n".join(element.proto.body for element in at.get("html"))


def knob(widgets, key: str):
    """The widget that stands for a knob now: the first one has the knob's key, those after it a number behind it."""
    return next(widget for widget in widgets if re.fullmatch(rf"{re.escape(key)}(-g\d+)?", widget.key or ""))


def labelled(widgets, key: str, lang: str = "en"):
    """The widget whose label is the text at `key`: a key of choices changes with their labels."""
    return next(widget for widget in widgets if widget.label == words_of(lang)(key))


def open_page(name: str, asked: core.Scene | Mapping[str, str] = MappingProxyType({}), **session: Any) -> AppTest:
    """A page in AppTest, run once, at a Scene's address or at these keys. session: what its state already holds."""
    at = AppTest.from_file(PAGES / f"{name}.py", default_timeout=90)
    at.query_params.update(asked.to_query() if isinstance(asked, core.Scene) else asked)
    for key, value in session.items():
        at.session_state[key] = value
    return at.run()
