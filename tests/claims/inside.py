"""What Inside a block says of positions, norms, the MLP and the stream, held against a fresh run."""

from __future__ import annotations

import numpy as np
from by_hand import ACTIVATIONS

from claims import Fresh, Values, any_scenes, claim, near, pinned_number, read, see, ties, told_as, written_as
from claims.see import ZERO
from core import Scene
from pictures.block import lengths, neurons, norm, position

SCENES = [*any_scenes(200), Scene(edits=ZERO)]
BUILDERS = (
    *(position.positions, position.wave, position.alike),
    *(norm.moments, norm.features),
    *(neurons.units, neurons.curve, neurons.zeros, lengths.stream, lengths.steps),
)
assert see  # the stream's sentences are those of Heads


# ----------------------------------------------------------------------------------------------------------- positions


def kind(f: Fresh) -> str:
    """Whose positions stand here: the model's own, also while they are off; the table of 2017 where there are none."""
    own = f.scene.whole.positions
    return "sinusoidal" if own == "none" else own


def table(f: Fresh) -> np.ndarray:
    """[pos, d_model]: what is added, or would be."""
    if "pos_embed.W_pos" in f.run.params and kind(f) == "learned":
        return f.run.params["pos_embed.W_pos"][: f.n].astype(np.float64)
    d = f.config.d_model
    turn = [[p / 10000 ** (i // 2 * 2 / d) for i in range(d)] for p in range(f.n)]
    return np.array([[np.sin(x) if i % 2 == 0 else np.cos(x) for i, x in enumerate(row)] for row in turn])


def pairs(f: Fresh) -> np.ndarray:
    """[pos, pair]: by what angle it is turned."""
    width = f.scene.whole.rotary_dim or f.scene.whole.d_head or f.scene.whole.d_model // f.scene.whole.n_heads
    base = f.scene.whole.rotary_base
    return np.array([[p * base ** (-2 * i / width) for i in range(width // 2)] for p in range(f.n)])


@claim("block.says.positions_none", "block.says.positions_off")
def not_at_work(f: Fresh, v: Values) -> None:
    off = told_as(f, "switched off", "desligad")
    assert "pos_embed" not in f.run.trace and f.config.positions == "none"
    assert off == (f.scene.whole.positions != "none" or f.scene.preset.config.positions != "none")


@claim("block.says.table")
def added(f: Fresh, v: Values) -> None:
    P = table(f)
    assert (v["token"], v["n"], v["d"]) == (f.token(f.query), f.query, P.shape[1])
    assert written_as(v["vector"], P[f.query][:4], f.words.lang) and ("…" in v["vector"]) == (P.shape[1] > 4)
    if "pos_embed" in f.run.trace:
        assert np.allclose(f["pos_embed"], P, atol=1e-5)
        if not f.config.embed_norm and not (f.scene.patch or ("",))[0].startswith("blocks.0.resid_pre"):
            assert np.allclose(f["blocks.0.resid_pre"] - f["embed"], P, atol=1e-4)


@claim("block.says.turned")
def turned(f: Fresh, v: Values) -> None:
    angles = pairs(f)[f.query]
    assert (v["token"], v["n"], v["pairs"]) == (f.token(f.query), f.query, len(angles))
    assert near(v["first"], angles[0]) and near(v["last"], angles[-1])


@claim("block.dimension", "block.cosine", "block.pair")
def dimension(f: Fresh, v: Values) -> None:
    of_pair = "cosine" if f.at_builder is position.wave else "pair"  # a wave is drawn, or how far each has turned
    assert f.told == f"block.{of_pair if kind(f) == 'rotary' else 'dimension'}"
    assert 0 <= v["i"] < (pairs(f).shape[1] if kind(f) == "rotary" else f.config.d_model)


def looked_at(f: Fresh) -> int:
    """The dimension, inside the model."""
    return min(f.scene.dimension, (2 * pairs(f).shape[1] if kind(f) == "rotary" else f.config.d_model) - 1)


@claim("block.says.wave")
def wave(f: Fresh, v: Values) -> None:
    i = looked_at(f)
    rotary = kind(f) == "rotary"
    value = np.cos(pairs(f)[f.query, i // 2]) if rotary else table(f)[f.query, i]
    assert abs(v["value"] - value) < 5e-5 and v["token"] == f.token(f.query)
    assert read(v["name"], f.words.lang) == [i // 2 if rotary else i]


@claim("block.says.period")
def period(f: Fresh, v: Values) -> None:
    i = looked_at(f) // 2
    each = pairs(f)[1, i] if kind(f) == "rotary" and f.n > 1 else None
    base, width = (10000, f.config.d_model) if kind(f) == "sinusoidal" else (f.scene.whole.rotary_base, None)
    width = width or 2 * pairs(f).shape[1]
    length = 2 * np.pi / each if each else 2 * np.pi * base ** (2 * i / width)
    assert pinned_number(v["period"], length, f.words.lang) and kind(f) != "learned"


@claim("block.says.alike")
def close(f: Fresh, v: Values) -> None:
    def cosine(a: int, b: int) -> float:
        if kind(f) == "rotary":
            return float(np.mean(np.cos(pairs(f)[a] - pairs(f)[b])))
        x, y = table(f)[a], table(f)[b]
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))

    assert abs(v["neighbours"] - np.mean([cosine(i, i + 1) for i in range(f.n - 1)])) < 1e-4
    assert abs(v["ends"] - cosine(0, f.n - 1)) < 1e-4 and v["apart"] == f.n - 1


@claim("block.says.alone")
def alone(f: Fresh, v: Values) -> None:
    assert f.n == 1


# --------------------------------------------------------------------------------------------------------------- norms


def entering(f: Fresh) -> tuple[np.ndarray, str]:
    """What the chosen norm gets [pos, d_model], and its name."""
    second = f.scene.second_norm and f.config.d_mlp > 0
    x, more, name = ("resid_mid", "cross_out", "ln_cross") if f.crosses else ("resid_pre", "attn_out", "ln1")
    if second:
        x, more, name = "resid_mid_cross" if f.config.cross else "resid_mid", "mlp_out", "ln2"
    if f.config.norm != "none" and f.config.norm_at == "post":
        return f.at(x) * f.config.residual + f.at(more), name
    return f.at("resid_pre" if f.config.parallel else x), name


def normalized(f: Fresh) -> np.ndarray:
    x, _ = entering(f)
    with np.errstate(all="ignore"):
        out = x if f.config.norm == "rms" else x - x.mean(-1, keepdims=True)
        size = np.mean(out * out, -1, keepdims=True) + f.config.norm_eps
        return out / np.sqrt(np.where(size > 3.4e38, np.inf, size))  # as float32 holds it


def leaving(f: Fresh) -> np.ndarray:
    if f.config.norm == "none":
        return normalized(f)
    at = f"{f.prefix}blocks.{f.layer}.{entering(f)[1]}."
    params = {name[len(at) :]: x for name, x in f.run.params.items() if name.startswith(at)}
    gain, bias = params.get("w", 1), params.get("b", 0)
    out = normalized(f) * gain + bias
    if np.isfinite(out).all() and np.isfinite(f.at(entering(f)[1] + ".out")).all():
        assert params and np.allclose(out, f.at(entering(f)[1] + ".out"), rtol=1e-2, atol=2e-3)
    return f.at(entering(f)[1] + ".out")


def digits(text: str, expected: float, f: Fresh) -> bool:
    """Four of them, but for what float32 leaves."""
    return pinned_number(text, expected, f.words.lang, 2e-3) or abs(read(text, f.words.lang)[0] - expected) < 3e-4


@claim("block.says.moments", "block.says.moments_learned")
def moments(f: Fresh, v: Values) -> None:
    x, y, z = (rows[f.query] for rows in (entering(f)[0], normalized(f), leaving(f)))
    assert v["token"] == f.token(f.query)
    assert digits(v["mean"], x.mean(), f) and digits(v["variance"], x.var(), f)
    assert digits(v["mean2"], z.mean(), f) and digits(v["variance2"], z.var(), f)
    learned = told_as(f, "learned", "aprendid")
    assert learned == (f.config.norm != "none" and not np.allclose(y, z, rtol=1e-3, atol=1e-4))
    if learned:
        assert digits(v["mean1"], y.mean(), f) and digits(v["variance1"], y.var(), f)
        assert v["norm"] == f.config.norm
        assert told_as(f, "bias", "viés") == (f.config.norm == "layer")


@claim("block.says.moments_over")
def over(f: Fresh, v: Values) -> None:
    x, y = entering(f)[0][f.query], normalized(f)[f.query]
    assert v["token"] == f.token(f.query) and x.var() > np.finfo(np.float32).max and not y.any()
    assert digits(v["mean"], x.mean(), f) and digits(v["variance"], x.var(), f)


@claim("block.says.moments_lost", "block.says.features_lost")
def norm_lost(f: Fresh, v: Values) -> None:
    assert v["token"] == f.token(f.query) and f.told.endswith("moments_lost") == (f.at_builder is norm.moments)
    # the squares of a variance leave float32 long before the numbers do
    assert max(np.abs(x[f.query]).max() for x in (entering(f)[0], leaving(f))) > 1e15 or not (
        np.isfinite(entering(f)[0][f.query]).all() and np.isfinite(leaving(f)[f.query]).all()
    )


@claim("block.says.features")
def features(f: Fresh, v: Values) -> None:
    x, y = entering(f)[0][f.query], leaving(f)[f.query]
    assert v["token"] == f.token(f.query) and v["n"] == len(x)
    for name, number in {"low0": min(x), "high0": max(x), "low1": min(y), "high1": max(y)}.items():
        assert written_as(v[name], number, f.words.lang), (name, number)
    for when, i in (("before", 0), ("after", 1)):
        assert v[when] == ("one" if v[f"low{i}"] == v[f"high{i}"] else "range")


@claim("block.says.features_learned")
def gained(f: Fresh, v: Values) -> None:
    assert v["norm"] == f.config.norm != "none" and f.scene.preset.trained
    assert not np.allclose(normalized(f), leaving(f), rtol=1e-3, atol=1e-3)


@claim("block.says.rms")
def rms(f: Fresh, v: Values) -> None:
    assert f.config.norm == "rms"


@claim("block.says.norm_none", "block.says.norm_off")
def no_norm(f: Fresh, v: Values) -> None:
    assert not any(".ln1" in name for name in f.run.trace)
    had = f.scene.preset.config.norm != "none" or f.scene.whole.norm != "none"
    assert told_as(f, "switched off", "desligad") == had


# ----------------------------------------------------------------------------------------------------------- the MLP


CALLED = {"relu": "ReLU", "gelu": "GELU", "gelu_tanh": "GELU (tanh)", "silu": "SiLU"}


def activated(f: Fresh, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return ACTIVATIONS[f.config.activation](x)


def hidden(f: Fresh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[pos, unit]: before the activation, after it, and what the MLP goes on with."""
    if not f.config.d_mlp:
        x = f.at("resid_post")
        return x, activated(f, x), activated(f, x)
    before, after = f.at("mlp.pre"), f.at("mlp.post")
    if f.config.gated:
        return before, activated(f, before), after
    if np.isfinite(before).all():
        assert np.allclose(activated(f, before), after, rtol=1e-3, atol=1e-3)
    return before, after, after


@claim("block.says.mlp_none", "block.says.mlp_off")
def no_mlp(f: Fresh, v: Values) -> None:
    assert not any(".mlp." in name for name in f.run.trace)
    had = f.scene.preset.config.d_mlp > 0 or f.scene.whole.d_mlp > 0
    assert told_as(f, "switched off", "desligad") == had


def shares(text: str, expected: float, f: Fresh) -> bool:
    """Does a text hold this share, and 0% or 100% only of nothing and of all?"""
    (found,) = read(text.strip("<>% "), f.words.lang)
    if text.startswith(("<", ">")):
        return found == (0.1 if text[0] == "<" else 99.9) and (
            0 < 100 * expected < 0.05 if text[0] == "<" else 99.95 <= 100 * expected < 100
        )
    point = {"en": ".", "pt-BR": ","}[f.words.lang]
    within = abs(found - 100 * expected) <= (0.0501 if point in text else 0.501)
    return bool(within and (found not in (0, 100) or found == 100 * expected))


def nothing(f: Fresh, units: np.ndarray) -> np.ndarray:
    """Which units are 0 as float32 has it, where 1 + tanh vanishes earlier."""
    x = hidden(f)[0].astype(np.float32)
    if f.config.d_mlp or f.config.activation != "gelu_tanh":
        return units == 0
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return x * (1 + np.tanh(inner)) == 0


@claim("block.says.zeros", "block.says.smooth")
def passed_on(f: Fresh, v: Values) -> None:
    units = hidden(f)[2]
    exactly = nothing(f, units)
    assert v["n"] == units.size and np.isfinite(units).all() and v["name"] == CALLED[f.config.activation]
    if told_as(f, "below it", "abaixo"):
        assert not exactly.any() and shares(v["share"], (units < 0).mean(), f) and f.config.activation != "relu"
    else:
        assert shares(v["share"], exactly.mean(), f)


@claim("block.says.first_units")
def first_units(f: Fresh, v: Values) -> None:
    assert hidden(f)[2].shape[1] > v["n"] == len(f.picture.figure["data"][0]["z"][0])


@claim("block.says.units_lost")
def units_lost(f: Fresh, v: Values) -> None:
    assert not all(np.isfinite(x.astype(np.float32)).all() for x in hidden(f))


@claim("block.says.curve")
def curve(f: Fresh, v: Values) -> None:
    before, after = (x[f.query] for x in hidden(f)[:2])
    assert v["token"] == f.token(f.query) and (v["n"], v["below"]) == (len(before), sum(x < 0 for x in before))
    assert written_as(v["high"], max(after), f.words.lang) and v["name"] == CALLED[f.config.activation]


@claim("block.says.zeros_alike", "block.says.zeros_by_token")
def zeros(f: Fresh, v: Values) -> None:
    by_token = np.array([100 * sum(row) / len(row) for row in nothing(f, hidden(f)[2])])
    assert shares(v["high"], by_token.max() / 100, f)
    assert f.told.endswith("alike") == (len(ties(by_token, 1)) == f.n)
    if f.told.endswith("alike"):
        return
    assert shares(v["low"], by_token.min() / 100, f)
    assert v["most"] == f.named(i for (i,) in ties(by_token, 1))
    assert v["least"] == f.named(i for (i,) in ties(by_token, 1, -1))


# ---------------------------------------------------------------------------------------------------------- the stream


def mean_length(x: np.ndarray) -> float:
    return float(np.mean([np.sqrt(sum(y * y for y in row)) for row in x]))


@claim("block.says.steps", "block.says.steps_attention")
def steps(f: Fresh, v: Values) -> None:
    ends = {"start": "resid_pre", "end": "resid_post", "attention": "attn_out", "mlp": "mlp_out"}
    assert v["layer"] == f.layer and ("MLP" in f.says) == (f.config.d_mlp > 0)
    for name, array in ends.items():
        if name != "mlp" or f.config.d_mlp:
            assert written_as(v[name], mean_length(f.at(array)), f.words.lang), name


@claim("block.says.steps_lost")
def steps_lost(f: Fresh, v: Values) -> None:
    names = ["resid_pre", "resid_mid", "resid_post", "attn_out", *(["mlp_out"] if f.config.d_mlp else [])]
    assert v["layer"] == f.layer and not all(np.isfinite(f.at(name)).all() for name in names)
