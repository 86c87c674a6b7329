"""What Start, Attention, Heads and Reading heads say, held against a fresh run."""

from __future__ import annotations

import re

import numpy as np

import core
from claims import (
    Fresh,
    Values,
    any_scenes,
    brought,
    claim,
    moved,
    named_in,
    near,
    pinned_number,
    poisoned,
    ran,
    ties,
    told_as,
    without_a_word,
    written_as,
)
from core import Scene
from pictures import attention, heads, importance, one_head, reading, rows_told, stacks, start, together, worth
from pictures.words import Words

TINY = Scene(model="encoder", query=1).override(n_layers=1, d_model=2, n_heads=2, d_mlp=1)
EVERY_HEAD = tuple((layer, head) for layer in range(4) for head in range(4))
ZERO = tuple((place, dimension, 0.0) for place in range(5) for dimension in range(4))
UNSAYABLE = without_a_word("stories", "near")
SHORT = Scene(model=brought("induction", {"n_ctx": 9}), sentence="pi ka tu pi ka tu pi ka")
SCENES = [
    *any_scenes(200),
    Scene(edits=ZERO),
    Scene(model="gpt", sentence="um dois", off=("mlp", "residual"), ablated=EVERY_HEAD),
    *(SHORT.turn(layer=1, head=head) for head in (0, 1)),
    Scene(model=poisoned("stories", "blocks.0.attn.W_Q")),
    Scene(model=UNSAYABLE, sentence="the penguins are near the", query=2),
    Scene(cut=((0, 0, 3, 1), (0, 0, 4, 4)), query=3),
    Scene(model="gpt", cut=((0, 0, 2, 1),), query=2),
    Scene(model="gpt", sentence="um dois").override(n_layers=1, n_heads=1),  # one look at another token
    *(
        Scene(model="gpt", query=2, key=1).override(positions="rotary", projections=False, n_heads=n_heads, d_model=8)
        for n_heads in (1, 2)
    ),
    TINY.override(causal=True, positions="sinusoidal").turn(sentence="um dois tres", seed=1),
    TINY.override(n_heads=1).turn(sentence="um dois", seed=13),
]


def card(scene: Scene, words: Words) -> str:
    """What Start's card says of the Scene's story."""
    told = start._card(scene.model, scene, words) if scene.model in core.PRESETS else ""
    return "".join(re.findall(r"<small>(.+?)</small>", told))


def rows(scene: Scene, words: Words) -> list[str]:
    """The list under the arithmetic: every row of the matrix."""
    a = one_head.at_head(ran(scene), scene, "pattern")
    return [rows_told.read(stacks.looks(scene), a, q, words) for q in range(len(a))]


BUILDERS = (
    start.says,
    card,
    *attention.VECTORS,
    *attention.MATRICES,
    attention.output,
    rows,
    *(heads.overview, heads.chosen, heads.entropies, heads.distances, worth.effect, heads.lengths),
    *(reading.labels, reading.effects, reading.scores),
    *(importance.weights, importance.carried, importance.importance, importance.rolled),
    together.together,
)


# --------------------------------------------------------------------------------------------------------------- Start


@claim("start.counts.layer", "start.counts.head", "start.counts.both")
def counts(f: Fresh, v: Values) -> None:
    config, on_card = f.scene.preset.config, " · " in f.says and f.says[0].isdigit()
    if not on_card:
        config = f.config
        assert f.told.endswith("head") and v == {"n": config.n_heads}
    layer, head = {"en": ("layer", "head"), "pt-BR": ("camada", "cabeça")}[f.words.lang]
    n, both = config.n_layers, config.n_encoder_layers
    layers = f"{both} + {n} {layer}s" if both else f"{n} {layer}" + "s" * (n > 1)
    said = [layers, f"{config.n_heads} {head}" + "s" * (config.n_heads > 1)]
    assert f.words(f.told, **v) in said and (f.says == " · ".join(said) or not on_card)


@claim("start.says.in")
def goes_in(f: Fresh, v: Values) -> None:
    assert (v["n"], v["d"]) == f["embed"].shape


@claim("start.says.through")
def through(f: Fresh, v: Values) -> None:
    assert v["n"] == len({name.split(".")[1] for name in f.run.trace if name.startswith("blocks.")})
    heads = len(f["blocks.0.attn.pattern"])
    name = {"en": "head", "pt-BR": "cabeça"}[f.words.lang] + "s" * (heads != 1)
    assert v["heads"] == f"{heads} {name}"


@claim("start.says.length", "start.says.lost", "heads.says.growth", "heads.says.growth_one", "heads.says.growth_lost")
@claim("heads.says.growth_zero")
def grows(f: Fresh, v: Values) -> None:
    stages = [f[f.block(0) + "resid_pre"], *(f[f.block(i) + "resid_post"] for i in range(f.config.n_layers))]
    means = [np.mean([np.sqrt(row @ row) for row in x]) for x in stages]
    good = [m for m in means if np.isfinite(m)]
    assert written_as(v["start"], means[0], f.words.lang) and written_as(v["end"], good[-1], f.words.lang)
    assert pinned_number(v.get("limit", "3 × 10³⁸"), np.finfo(np.float32).max, f.words.lang)
    if ("limit" in v and len(good) < len(means)) or f.says.count("float32"):
        assert means[v["layer"] + 1 :] and not np.isfinite(means[v["layer"] + 1]) and np.isfinite(means[v["layer"]])
    else:
        assert len(good) == len(means)
    how = "_lost" if len(good) < len(means) else "_zero" if not means[0] else "_one" * (f.config.n_layers == 1)
    of_start = f"start.says.{'lost' if how == '_lost' else 'length'}"
    assert f.told in (of_start, f"heads.says.growth{how}")
    if v.get("factor"):
        assert written_as(v["factor"], good[-1] / means[0], f.words.lang)
        assert v["n"] == f.config.n_layers


@claim("start.says.unmeasured", "heads.says.growth_none")
def unmeasured(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f[f.block(0) + "resid_pre"]).all()
    assert f.told.startswith("start") == (f.at_builder is start.says)


@claim("start.says.vectors", "start.says.no_vectors")
def vectors(f: Fresh, v: Values) -> None:
    assert "logits" not in f.run.trace and v["d"] == f.last.shape[-1]
    assert told_as(f, "any more", "ainda") == (not np.isfinite(f.last).all())


@claim("start.says.next", "start.says.next_alike", "start.says.nothing")
def next_token(f: Fresh, v: Values) -> None:
    logits = f["logits"][-1]
    assert v["vocab"] == len(logits)
    assert (f.told == "start.says.nothing") == (not np.isfinite(logits).all())
    if "share" not in v:
        return
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    best = [i for i in range(len(shares)) if shares[i] >= shares.max() * (1 - 1e-6)]
    assert v["token"] == f.token(f.n - 1) and near(v["share"], shares.max())
    assert (f.told == "start.says.next_alike") == (len(best) >= 5)
    if "best" not in v:
        return
    known = f.scene.preset.tokenizer
    ids = zip(f.run.encoding.ids.tolist(), f.scene.tokens, strict=True)
    names = dict(enumerate(known.tokens) if known else ids)
    assert v["best"] == f.phrase([f"“{names.get(i, f'#{i}')}”" for i in best]) and v["n"] == len(best)


@claim("start.says.batch")
def batch(f: Fresh, v: Values) -> None:
    x = core.forward(f.run.params, f.config, np.zeros((2, 10), int), interventions=f.scene.interventions)
    shape = x[f"blocks.{f.config.n_layers - 1}.resid_post"].shape
    assert v["going"] == "2 × 10" and v["coming"] == " × ".join(map(str, shape)) and shape[:2] == (2, 10)


# ----------------------------------------------------------------------------------------------------------- Attention


def entering(f: Fresh) -> np.ndarray:
    """X: what makes Q, as its matrix shows."""
    first = f.config.norm != "none" and f.config.norm_at == "pre"
    return made_of(f, f.at(f.entries[0] if first else f.entries[1]), "Q")


def made_of(f: Fresh, x: np.ndarray, name: str) -> np.ndarray:
    """x itself, if this is what makes Q, K or V, as its matrix shows."""
    at = f.attention(f.layer)
    heads = f[at + name.lower()]
    if f.config.projections and f"W_{name}" not in f.scene.off and np.isfinite(heads).all():
        made = x @ f.run.params[f"{at}W_{name}"] + f.run.params.get(f"{at}b_{name}", 0)
        assert np.allclose(np.concatenate(list(heads), -1), made, rtol=1e-3, atol=1e-3 * np.abs(made).max())
    return x


def finite(x: np.ndarray, f: Fresh) -> bool:
    assert np.isfinite(x).all()
    return True


@claim("attention.says.x", "attention.says.x_normed")
def x(f: Fresh, v: Values) -> None:
    x = entering(f)
    assert (f.config.norm != "none" and f.config.norm_at == "pre") == ("norm" in f.says.split(",")[0]) and finite(x, f)
    assert v["token"] == f.token(f.query) and v["n"] == x.shape[1]
    assert written_as(v["vector"], x[f.query][:8], f.words.lang)


def projected(name: str) -> None:
    @claim(f"attention.says.{name}")
    def vector(f: Fresh, v: Values) -> None:
        turned = f.config.positions == "rotary" and name in "qk"
        x, row = f.of_head(f"rot_{name}" if turned else name), f.query if name == "q" else f.key
        token = f.token if name == "q" else f.key_token
        assert f.config.projections and v["token"] == token(row) and finite(x, f)
        assert written_as(v["length"], np.sqrt(x[row] @ x[row]), f.words.lang)
        assert written_as(v["vector"], x[row][:8], f.words.lang)


for name in "qkv":
    projected(name)


@claim("attention.says.same", "attention.says.slice", "attention.says.same_turned", "attention.says.slice_turned")
def unprojected(f: Fresh, v: Values) -> None:
    name = v["name"].lower()
    turned = f.config.positions == "rotary" and name in "qk"
    row, x = f.query if name == "q" else f.key, f.of_head(f"rot_{name}" if turned else name)
    assert f.told.endswith("_turned") == turned
    assert not f.config.projections or (name == "v" and "W_V" in f.scene.off)
    width = x.shape[1]
    assert ("slice" in f.told) == (width < f.config.d_model)
    if not (f.config.positions == "rotary" and name in "qk"):
        group = f.head // (f.config.n_heads // f.config.kv_heads) if name != "q" else f.head
        assert np.allclose(x, entering(f)[:, group * width : (group + 1) * width], equal_nan=True)
    assert v["token"] == f.token(row) and written_as(v["vector"], x[row][:8] if finite(x, f) else 0, f.words.lang)


def pair(f: Fresh, q: int, k: int) -> str:
    return f"{f.token(q)} {'meets' if f.words.lang == 'en' else 'encontra'} {f.key_token(k)}"


@claim("attention.says.scores", "attention.says.scores_alike")
def scores(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides
    q, k = (f.of_head(f"rot_{name}" if f.config.positions == "rotary" else name) for name in "qk")
    s = f.of_head("scores")
    if np.abs(s).max() < 1e6:
        assert np.allclose(s, [[a @ b for b in k] for a in q], rtol=1e-3, atol=1e-4 * (1 + np.abs(s).max()))
    assert finite(s, f) and written_as(v["score"], s.max(), f.words.lang)
    if abs(s.max()) < 9999:
        best = ties(s)
        assert v["pairs"] == f.phrase([pair(f, *place) for place in best]) and v["n"] == len(best)
        assert f.told.endswith("_alike") == (len(best) == s.size)
    else:  # to six digits
        assert f.told.endswith("_alike") == (s.size == 1 or near(s.min(), s.max(), 1e-5))
        assert s.size == v["n"] or not f.told.endswith("_alike")


@claim("attention.says.pair")
def of_a_pair(f: Fresh, v: Values) -> None:
    assert v["query"] in map(f.token, range(f.n)) and v["key"] in map(f.key_token, range(len(f.columns)))


@claim("attention.says.scaled", "attention.says.unscaled")
@claim("attention.says.scaled_alike", "attention.says.unscaled_alike")
def scaled(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides and ("unscaled" in f.told) == (not f.config.scale)
    assert f.told.endswith("_alike") == (v["low"] == v["high"])
    s = f.of_head("scores") / (np.sqrt(v["width"]) if f.config.scale else 1)
    assert v["width"] == f.of_head("q").shape[1] and near(v["root"] ** 2, v["width"])
    assert np.allclose(s, f.of_head("scores_scaled"), rtol=1e-4) and finite(s, f)
    assert written_as(v["low"], s.min(), f.words.lang) and written_as(v["high"], s.max(), f.words.lang)


@claim("attention.says.masked", "attention.says.unmasked", "attention.says.cut")
def masked(f: Fresh, v: Values) -> None:
    hidden, cut = int((~f.seen).sum()), cut_here(f)
    assert v["shown"] == f.hides and np.isneginf(f.of_head("scores_masked")).sum() == hidden + cut
    assert v["cells"] == f.n * len(f.columns) and v["hidden"] == (hidden or cut)
    assert f.told == f"attention.says.{'masked' if hidden else 'cut' if cut else 'unmasked'}" and v["unit"] == unit(f)


def cut_here(f: Fresh) -> int:
    """How many of the chosen head's fibres are cut."""
    return sum(edge[:2] == (f.layer, f.head) for edge in f.scene.cut)


@claim("attention.says.cut_too")
def cut_too(f: Fresh, v: Values) -> None:
    assert v["n"] == cut_here(f) > 0 and not f.seen.all()


@claim("attention.says.z")
def mixed(f: Fresh, v: Values) -> None:
    values = f.of_head("v")
    z = f.of_head("pattern")[f.query] @ values
    assert f.place_is_on() and v["token"] == f.token(f.query)
    assert np.allclose(z, f.of_head("z")[f.query], rtol=1e-3, atol=1e-4 * (1 + np.abs(values).max()))
    assert written_as(v["vector"], f.of_head("z")[f.query][:8], f.words.lang)
    away = f.of_head("z")[f.query] - values[f.query]
    assert written_as(v["moved"], np.sqrt(away @ away), f.words.lang)


@claim("attention.says.z_same")
def unmoved(f: Fresh, v: Values) -> None:
    values, z = f.of_head("v"), f.of_head("z")[f.query]
    assert f.place_is_on() and v["token"] == f.token(f.query) and written_as(v["vector"], z[:8], f.words.lang)
    assert np.allclose(z, values[f.query], rtol=1e-4, atol=1e-4 * np.abs(values).max())


@claim("attention.says.z_put")
def put_in(f: Fresh, v: Values) -> None:
    (name, place), z = f.scene.patch, f.of_head("z")[f.query]
    assert name == f.attention(f.layer) + "z" and (f.head, f.query)[: len(place)] == place
    assert v["token"] == f.token(f.query) and written_as(v["vector"], z[:8], f.words.lang)
    other = Fresh(f.scene.turn(patch=None, sentence=f.scene.patch_source))
    assert np.array_equal(z, other.of_head("z")[f.query])


@claim("attention.says.ablated")
def off(f: Fresh, v: Values) -> None:
    assert not f.place_is_on() and not np.nan_to_num(f.of_head("z")).any()


@claim("attention.says.lost")
def lost(f: Fresh, v: Values) -> None:
    names = ("scores", "scores_scaled", "pattern", "q", "k", "v", "z")
    assert not all(np.isfinite(f[f.attention(f.layer) + name]).all() for name in names)


def row_of(f: Fresh, token: str) -> list[tuple[int, np.ndarray]]:
    """The queries of this name, with what each sees of its row."""
    return [(q, f.of_head("pattern")[q][f.seen[q]]) for q in range(f.n) if f.token(q) == token]


@claim("attention.reads.row")
def row(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides
    ((query, weights),) = row_of(f, v["token"])
    written = [round(round(w, 6), 2) for w in weights]
    levels = sorted({*written}, reverse=True)
    said = [levels[0], *levels[1:2], levels[-1]] if len(levels) > 2 else levels  # the most, the next, the least
    assert len(levels) > 1
    forms = {
        "en": ("most at", "then at", "and least at"),
        "pt-BR": ("mais para", "depois para", "e menos para"),
    }[f.words.lang]
    parts = []
    for form, level in zip(forms if len(said) > 2 else forms[::2], said, strict=True):
        keys = [k for k, w in enumerate(written) if w == level]
        parts.append(f"{form} {f.keys(keys, query)} ({f.words.number(level)})")
    assert v["parts"] == ", ".join(parts)


@claim("attention.reads.first", "attention.reads.then", "attention.reads.last")
def group(f: Fresh, v: Values) -> None:
    assert 0 <= v["weight"] <= 1


@claim("attention.reads.itself")
def itself(f: Fresh, v: Values) -> None:
    pass  # a name


@claim("attention.reads.alike")
def all_alike(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides
    ((_, weights),) = row_of(f, v["token"])
    assert len(weights) > 1 and all(abs(w - v["weight"]) <= 0.005001 for w in weights)


@claim("attention.reads.only")
def only(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides
    ((_, weights),) = row_of(f, v["token"])
    assert len(weights) == 1 and v["weight"] == round(weights[0], 2)


@claim("attention.reads.lost")
def no_row(f: Fresh, v: Values) -> None:
    assert not all(np.isfinite(w).all() for _, w in row_of(f, v["token"]))


# --------------------------------------------------------------------------------------------------------------- Heads


def sane(f: Fresh) -> np.ndarray:
    """[layer]: whether attention is left there."""
    return np.array([np.isfinite(a).all() for a in f.patterns])


@claim("heads.says.one", "heads.says.all")
def read_by(f: Fresh, v: Values) -> None:
    layers, n_heads = len(f.patterns), len(f.patterns[0])
    assert (v["layers"], v["heads"], v["n"], v["tokens"]) == (layers, n_heads, layers * n_heads, f.n)
    assert (".one" in f.told) == (layers * n_heads == 1)


def looks(f: Fresh) -> tuple[np.ndarray, list[tuple]]:
    """Every look at another token, and the strongest of them."""
    where = f.others & sane(f)[:, None, None, None]
    where = np.broadcast_to(where, f.patterns.shape)
    return f.patterns[where], ties(f.patterns, 2, where=where)


@claim("heads.says.strongest", "heads.says.many", "heads.says.alike")
@claim("heads.says.strongest_across", "heads.says.many_across", "heads.says.alike_across")
def strongest(f: Fresh, v: Values) -> None:
    assert v["shown"] == f.hides
    values, best = looks(f)
    assert near(v["weight"], values.max()) and v["n"] == len(best)
    first, form = best[0], {"en": "{} at {}", "pt-BR": "de {} para {}"}[f.words.lang]

    def cell(place: tuple) -> str:
        layer, head, q, k = place
        where = f" {'in' if f.words.lang == 'en' else 'na'} {f.heads([(layer, head)])}"
        return form.format(f.token(q), f.key_token(k)) + ("" if f.patterns.shape[:2] == (1, 1) else where)

    how = "alike" if len(best) == len(values) > 1 else "many" if len(best) > 4 else "strongest"
    assert f.told == f"heads.says.{how}{'_across' * f.crosses}"
    if how != "alike":
        assert v["cells"] == (cell(first) if how == "many" else f.phrase([cell(place) for place in best]))


@claim("heads.says.cell", "heads.says.cell_in")
def cell(f: Fresh, v: Values) -> None:
    assert {v["query"]} <= {f.token(i) for i in range(f.n)} and {v["key"]} <= {*map(f.key_token, range(len(f.columns)))}


@claim("heads.says.alone")
def alone(f: Fresh, v: Values) -> None:
    assert f.n == 1 and v["n"] == f.config.n_layers * f.config.n_heads


@claim("heads.says.lost", "reading.says.labels_lost")
def layers_lost(f: Fresh, v: Values) -> None:
    assert v["layer"] == next(i for i in range(len(f.patterns)) if not sane(f)[i])


@claim("heads.says.nothing")
def nothing_left(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f.patterns.sum((-1, -2))).any()


def bits(a: np.ndarray) -> float:
    """Mean entropy of the rows of one pattern."""
    return float(np.mean([-sum(w * np.log2(w) for w in row if w > 0) for row in a]))


def reach(a: np.ndarray) -> float:
    return float(np.mean([sum(w * abs(q - k) for k, w in enumerate(row)) for q, row in enumerate(a)]))


def even(f: Fresh) -> np.ndarray:
    return f.seen / f.seen.sum(-1, keepdims=True)


@claim("heads.says.chosen")
def chosen(f: Fresh, v: Values) -> None:
    a = f.of_head("pattern")
    assert near(v["entropy"], bits(a)) and near(v["distance"], reach(a)) and near(v["most"], bits(even(f)))
    assert v["place"].lower() == f.heads([(f.layer, f.head)]) and v["unit"] == unit(f)
    assert v["shown"] == f.hides


@claim("heads.says.chosen_lost")
def chosen_lost(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f.of_head("pattern")).all() and v["place"].lower() == f.heads([(f.layer, f.head)])


@claim("heads.says.chosen_off")
def chosen_off(f: Fresh, v: Values) -> None:
    assert not f.place_is_on()


@claim("heads.says.looks")
def told(f: Fresh, v: Values) -> None:
    a = f.of_head("pattern")
    scores = {name: score(f, a, name) for name in followed(f, a)}
    best = max(scores, key=scores.__getitem__)
    name, of = (best, {"score": scores[best]}) if scores[best] >= 0.5 else ("uniform", {"apart": unfit(f, a)})
    assert v["looks"] == f.words(f"heads.looks.{name}", unit=unit(f), **of)


def measured(measure: str) -> None:
    @claim(*(f"heads.says.{measure}{how}" for how in ("", "_one", "_alike")))
    def extremes(f: Fresh, v: Values) -> None:
        of = bits if measure == "entropy" else reach
        values = np.array([[of(a) if np.isfinite(a).all() else np.nan for a in layer] for layer in f.patterns])
        assert near(v["most" if measure == "entropy" else "alike"], of(even(f)))
        assert f.told.endswith("_one") == (values.size == 1)
        if "low" in v:
            assert near(v["low"], np.nanmin(values)) and near(v["high"], np.nanmax(values))
            assert v["least"] == f.heads(ties(values, sign=-1)) and v["greatest"] == f.heads(ties(values))
        else:
            assert len(ties(values)) == v["n"] == np.isfinite(values).sum() and near(v["value"], np.nanmax(values))


measured("entropy")
measured("distance")


OF_TWO = {
    "encoder": {"en": " of the encoder", "pt-BR": " do encoder"},
    "decoder": {"en": " of the decoder’s own attention", "pt-BR": " da atenção do próprio decoder"},
    "cross": {"en": " of cross-attention", "pt-BR": " da atenção cruzada"},
}


@claim("heads.says.off", "heads.says.would", "heads.says.off_alike", "heads.says.would_alike")
@claim("heads.says.off_nothing", "heads.says.would_nothing", "heads.says.off_already", "heads.says.would_already")
def changes(f: Fresh, v: Values) -> None:
    places, before, after = f.switched()
    change = moved(before, after)
    assert near(v["mean"], change.mean()) and near(v["high"], change.max()) and near(v["low"], change.min())
    for name, sign in (("most", 1), ("least", -1)):
        assert v[name] == f.phrase([named_in(f.leaving, i, f.words.lang) for (i,) in ties(100 * change, 1, sign)])
    several = {"en": f"{len(places)} heads", "pt-BR": f"{len(places)} cabeças"}[f.words.lang]
    several += OF_TWO.get(getattr(f, "kind", ""), {"en": "", "pt-BR": ""})[f.words.lang]
    assert v["alone"] == (len(f.leaving) == 1)
    assert v["heads"] == (f.heads(places, the=True) if len(places) <= 4 else several)
    how = "_alike" if len(ties(100 * change, 1)) == len(f.leaving) else ""
    if not after.any():
        how = "_nothing" if before.any() else "_already"
    assert f.told == f"heads.says.{'off' if f.scene.ablated else 'would'}{how}"


@claim("heads.says.change_lost")
def change_lost(f: Fresh, v: Values) -> None:
    assert not all(np.isfinite(output).all() for output in f.switched()[1:])


@claim("heads.says.change_zero")
def change_zero(f: Fresh, v: Values) -> None:
    _, before, _ = f.switched()
    zero = [i for i in range(len(before)) if not before[i].any()]
    assert v["token"] in [named_in(f.leaving, i, f.words.lang) for i in zero]


# ------------------------------------------------------------------------------------------------------- Reading heads


def followed(f: Fresh, a: np.ndarray) -> dict[str, list[float]]:
    """name -> of each query that could follow it, the weight that does."""
    found = {name: [] for name in ("previous", "first", "itself", "same", "induction")}
    for q in range(len(a)):
        sight = [k for k in range(len(a)) if f.seen[q, k]]
        keys = {
            "previous": [k for k in sight if k == q - 1],
            "first": [0],
            "itself": [q],
            "same": [k for k in sight if k != q and f.tokens[k] == f.tokens[q]],
            "induction": [k for k in sight if 0 < k <= q and f.tokens[k - 1] == f.tokens[q]],
        }
        for name, places in keys.items() if len(sight) > 1 else ():
            if places:
                found[name].append(sum(a[q, k] for k in places))
    return found


def unfit(f: Fresh, a: np.ndarray) -> float:
    """The greatest share of a row that would have to move to make it even."""
    return max(sum(max(w - e, 0) for w, e in zip(row, flat, strict=True)) for row, flat in zip(a, even(f), strict=True))


def score(f: Fresh, a: np.ndarray, name: str) -> float:
    values = followed(f, a)[name]
    return float(np.mean(values)) if len(values) >= 3 else 0.0


def repeated(f: Fresh) -> np.ndarray:
    """[layer, head]: the weight on what followed before, on tokens that are drawn here and said twice."""
    rng, found = np.random.default_rng(1), []
    for period in (6, 10, min(13, f.config.n_ctx // 2)):
        ids = np.tile(rng.permutation(f.config.vocab_size)[:period], 2)
        patterns = f.patterns_on(ids)
        found.append(np.mean([patterns[:, :, q, q - period + 1] for q in range(period, 2 * period)], axis=0))
    return np.mean(found, axis=0)


def name_of(f: Fresh, layer: int, head: int) -> str | None:
    if repeated_of(f)[layer, head] >= 0.5:
        return "induction"
    a = f.patterns[layer, head]
    scores = {name: score(f, a, name) for name in followed(f, a)}
    best = max(scores, key=scores.__getitem__)
    if scores[best] >= 0.5:
        return "seeming" if best == "induction" else best
    return "uniform" if min(f.n, int((f.seen.sum(-1) > 1).sum())) >= 3 and unfit(f, a) <= 0.05 else None


def repeated_of(f: Fresh) -> np.ndarray:
    if "_repeated" not in vars(f):
        f._repeated = np.nan_to_num(repeated(f)) if room(f) else np.zeros(f.patterns.shape[:2])
    return f._repeated


def room(f: Fresh) -> bool:
    """Whether five tokens find places, twice."""
    return f.config.n_ctx >= 10


def looked(name: str) -> None:
    @claim(f"heads.looks.{name}")
    def look(f: Fresh, v: Values) -> None:
        # said of every tile: one of the heads has this score
        a = [a for layer in f.patterns for a in layer if np.isfinite(a).all()]
        of = [1 - unfit(f, x) if name == "uniform" else score(f, x, name) for x in a]
        assert any(near(v["score"], x) for x in of) and v["score"] >= 0.5 and v["unit"] == unit(f)
        assert name != "uniform" or near(v["apart"], 1 - v["score"])

    @claim(f"reading.label.{name}")
    def label(f: Fresh, v: Values) -> None:
        a = f.of_head("pattern")
        assert name_of(f, f.layer, f.head) == name and v["place"].lower() == f.heads([(f.layer, f.head)])
        assert v["unit"] == unit(f)
        if name == "uniform":
            assert near(v["apart"], unfit(f, a)) and v["apart"] <= 0.05
        elif name != "induction":
            assert near(v["score"], score(f, a, name)) and v["score"] >= 0.5
        if name == "induction":
            assert abs(v["probe"] - repeated_of(f)[f.layer, f.head]) < 0.1 and v["probe"] >= 0.5
            heard = followed(f, a)["induction"]
            assert v["repeated"] == bool(heard) and (not heard or near(v["here"], np.mean(heard)))


for name in ("previous", "first", "itself", "same", "induction", "uniform"):
    looked(name)


def unit(f: Fresh) -> str:
    return "token" if f.scene.preset.trained else "character" if f.scene.split == "characters" else "word"


@claim("reading.label.seeming", "reading.label.seeming_untried")
def seeming(f: Fresh, v: Values) -> None:
    heard = followed(f, f.of_head("pattern"))["induction"]
    assert v["place"].lower() == f.heads([(f.layer, f.head)]) and v["unit"] == unit(f)
    assert len(heard) >= 3 and near(v["here"], np.mean(heard)) and v["here"] >= 0.5
    assert f.told.endswith("untried") == (not room(f))
    assert not room(f) or (v["probe"] < 0.5 and abs(v["probe"] - repeated_of(f)[f.layer, f.head]) < 0.3)


@claim("reading.label.none")
def nameless(f: Fresh, v: Values) -> None:
    a = f.of_head("pattern")
    assert name_of(f, f.layer, f.head) is None and v["unit"] == unit(f)
    assert v["place"].lower() == f.heads([(f.layer, f.head)])
    assert near(v["score"], max(score(f, a, name) for name in followed(f, a))) and v["score"] < 0.5
    assert choosing(f) >= 3


@claim("reading.label.not_uniform")
def not_uniform(f: Fresh, v: Values) -> None:
    a = f.of_head("pattern")
    assert name_of(f, f.layer, f.head) is None and near(v["most"], 0.05) and unfit(f, a) > 0.05
    assert 1 - unfit(f, a) > max(score(f, a, name) for name in followed(f, a)) - 1e-6


@claim("reading.label.few")
def few(f: Fresh, v: Values) -> None:
    assert name_of(f, f.layer, f.head) is None and v["unit"] == unit(f) and choosing(f) < 3
    assert v["place"].lower() == f.heads([(f.layer, f.head)])


def choosing(f: Fresh) -> int:
    """How many words see more than one."""
    return int((f.seen.sum(-1) > 1).sum())


def counted(name: str) -> None:
    @claim(f"reading.counts.{name}")
    def count(f: Fresh, v: Values) -> None:
        places = [p for p in np.ndindex(f.patterns.shape[:2]) if np.isfinite(f.patterns[p]).all()]
        assert v["n"] == sum(name_of(f, *place) == name for place in places) and v["unit"] == unit(f)


for name in ("previous", "first", "itself", "same", "induction", "uniform", "seeming"):
    counted(name)


@claim("reading.says.labels", "reading.says.labels_none")
def labels(f: Fresh, v: Values) -> None:
    places = [p for p in np.ndindex(f.patterns.shape[:2]) if np.isfinite(f.patterns[p]).all()]
    assert v["n"] == f.config.n_layers * f.config.n_heads
    names = [name_of(f, *place) for place in places]
    each = {name: names.count(name) for name in names if name}
    said = re.findall(r"\((\d+) ", v["parts"])
    assert sorted(map(int, said)) == sorted(each.values()) and v["unit"] == unit(f)
    assert f.told.endswith("_none") == (not each)
    assert each or choosing(f) >= 3, "what nobody measured is not missing"


@claim("reading.says.labels_few")
def nothing_to_follow(f: Fresh, v: Values) -> None:
    assert choosing(f) < 3 and not any(name_of(f, *place) for place in np.ndindex(f.patterns.shape[:2]))
    assert v["unit"] == unit(f) and v["n"] == f.config.n_layers * f.config.n_heads and v["parts"] == ""


@claim("reading.says.lost")
def nothing_to_measure(f: Fresh, v: Values) -> None:
    assert not np.isfinite(f.last).all() or not np.isfinite(f.patterns).all() or np.abs(f.of_head("v")).max() > 1e30


def effects_of(f: Fresh) -> dict[tuple[int, int], np.ndarray]:
    """Of a patched run what was put in stays as it is, but where it is that head's own output."""
    return {place: moved(f.last, f.emptied(*place)) if f.scene.patch else f.without(place) for place in f.on}


def head_put_in(f: Fresh) -> bool:
    """Whether what the chosen head gives the chosen word was put in."""
    name, place = f.scene.patch or ("", ())
    own = (f.head, f.query)
    return name == f"blocks.{f.layer}.attn.z" and all(a == b for a, b in zip(place, own, strict=False))


@claim("reading.says.effects", "reading.says.effects_alike", "reading.says.effects_left")
def effects(f: Fresh, v: Values) -> None:
    means = {place: 100 * change.mean() for place, change in effects_of(f).items()}
    values = np.full((f.config.n_layers, f.config.n_heads), np.nan)
    for place, mean in means.items():
        values[place] = mean
    assert near(100 * v["high"], max(means.values()), 1e-3) and near(100 * v["low"], min(means.values()), 1e-3)
    assert v["most"] == f.heads(ties(values, 1)) and v["n"] == len(ties(values, 1))
    assert v["least"] == f.heads(ties(values, 1, -1))
    alike = f.heads(ties(values, 1)) == f.heads(ties(values, 1, -1))
    how = "_left" if len(means) == 1 else "_alike" if alike else ""
    assert f.told == f"reading.says.effects{how}"
    # of one word it is told where the heads differ
    assert told_as(f, "For “[^.]*: |For “[^.]*, all count", "Para “[^.]*, (conta|todas contam)") == (not how)


@claim("reading.says.effects_own", "reading.says.effects_own_alike")
def own_effects(f: Fresh, v: Values) -> None:
    values = np.full((f.config.n_layers, f.config.n_heads), np.nan)
    for place, change in effects_of(f).items():
        values[place] = 100 * change[f.query]
    assert v["token"] == f.token(f.query) and near(100 * v["own_high"], np.nanmax(values), 1e-3)
    assert v["own"] == f.heads(ties(values, 1))
    assert f.told.endswith("_alike") == (len(ties(values, 1)) == np.isfinite(values).sum())


@claim("reading.says.effects_one")
def effect_of_one(f: Fresh, v: Values) -> None:
    ((_, change),) = effects_of(f).items()
    assert f.config.n_layers * f.config.n_heads == 1 and v["token"] == f.token(f.query)
    assert near(v["high"], change.mean(), 1e-3) and near(v["own_high"], change[f.query], 1e-3)


@claim("reading.says.effects_off")
def all_off(f: Fresh, v: Values) -> None:
    assert not f.on


@claim("reading.says.effects_without_off")
def left_out(f: Fresh, v: Values) -> None:
    assert v["n"] == f.config.n_layers * f.config.n_heads - len(f.on)


@claim("reading.says.effects_zero")
def zero(f: Fresh, v: Values) -> None:
    assert not np.abs(f.last).sum(-1).all()


@claim("reading.says.importance_zero")
def zero_here(f: Fresh, v: Values) -> None:
    assert not f.last[f.query].any() and v["query"] == f.token(f.query)


def carried_row(f: Fresh) -> np.ndarray:
    """Weight times the length of what one head's value becomes after its own rows of W_O."""
    values = f.of_head("v")
    if f.config.projections and "W_O" not in f.scene.off:
        width = values.shape[1]
        values = values @ f.run.params[f"{f.attention(f.layer)}W_O"][f.head * width : (f.head + 1) * width]
    return f.of_head("pattern")[f.query] * np.sqrt((values**2).sum(-1)) * f.place_is_on() * (not head_put_in(f))


def most_of(f: Fresh, row: np.ndarray, decimals: int | None = 2) -> list[int]:
    """The keys in sight whose number is the greatest."""
    return [k for (k,) in ties(row, decimals, where=f.seen[f.query])]


def seen_row(name: str, values) -> None:
    @claim(*(f"reading.says.{name}{how}" for how in ("", "_alike", "_only")))
    def of_row(f: Fresh, v: Values) -> None:
        row, sight = values(f), int(f.seen[f.query].sum())
        assert v["query"] == f.token(f.query) and written_as(v["value"], row[f.seen[f.query]].max(), f.words.lang)
        if not row.any() or 0.01 < row.max() < 9999:
            assert v["keys"] == f.keys(most_of(f, row))
            alike = told_as(f, "same", "mesmo")
            assert alike == (len(most_of(f, row)) == sight > 1)
        assert told_as(f, "only", "só") == (sight == 1)


seen_row("weights", lambda f: f.of_head("pattern")[f.query])
seen_row("carried", carried_row)


@claim("reading.says.carried_off", "reading.says.importance_off")
def carried_off(f: Fresh, v: Values) -> None:
    assert not f.place_is_on() and v["query"] == f.token(f.query)
    assert f.told == f"reading.says.{f.at_builder.__name__}_off"


@claim("reading.says.carried_put", "reading.says.importance_put")
def given_by_a_patch(f: Fresh, v: Values) -> None:
    assert head_put_in(f) and v["query"] == f.token(f.query)
    assert f.told == f"reading.says.{f.at_builder.__name__}_put"


def key_change(f: Fresh) -> np.ndarray:
    """[key]: how far the word's output moves when its head's row loses this key: the layer's z is patched."""
    if "_key_change" not in vars(f):
        f._key_change = _key_change(f)
    return f._key_change


def _key_change(f: Fresh) -> np.ndarray:
    found, name = [], f.attention(f.layer) + "z"
    for key in range(len(f.columns)):
        z = f.run.trace[name].astype(np.float64)
        z[f.head, f.query] -= f.of_head("pattern")[f.query, key] * f.of_head("v")[key]
        found.append(moved(f.last, f.rest(z))[f.query])
    return np.array(found)


@claim("reading.says.agree", "reading.says.differ", "reading.says.differ_still", "reading.says.importance_alike")
def counts_most(f: Fresh, v: Values) -> None:
    weight, length, effect = f.of_head("pattern")[f.query], carried_row(f), key_change(f)
    sight = f.seen[f.query]
    assert v["query"] == f.token(f.query) and near(v["weight"], weight[sight].max())
    assert written_as(v["length"], length[sight].max(), f.words.lang)
    assert abs(v["effect"] - effect[sight].max()) < 1e-4 + 1e-3 * abs(v["effect"])
    longest = length[sight].max()
    if longest > 9999 or 0 < longest < 0.1 or 100 * effect.max() > 9999:
        return  # written with powers of ten: what is alike follows other digits
    best = [set(most_of(f, weight)), set(most_of(f, length)), set(most_of(f, 100 * effect, 1))]
    common = best[0] & best[1] & best[2]
    if told_as(f, "part:", "se separam"):
        assert not common and v["carrier"] == named_keys(f, best[1])
        still = len(best[2]) == sight.sum()
        assert f.told.endswith("differ_still") == still and (still or v["loss"] == named_keys(f, best[2]))
    elif told_as(f, "all three", "três modos"):
        assert any(len(keys) < sight.sum() for keys in best)
        assert common and v["common"] == f.phrase([f.key_token(key) for key in sorted(common)])
    else:
        assert all(len(keys) == sight.sum() for keys in best)
    assert v["key"] == named_keys(f, best[0])


def named_keys(f: Fresh, keys: set[int]) -> str:
    """Those with the greatest number; of a number that all have, none."""
    alike = "all alike" if f.words.lang == "en" else "todos por igual"
    return alike if len(keys) == f.seen[f.query].sum() else f.phrase([f.key_token(key) for key in sorted(keys)])


@claim("reading.says.importance_only")
def sees_itself(f: Fresh, v: Values) -> None:
    assert f.seen[f.query].sum() == 1 and v["query"] == f.token(f.query)
    assert abs(v["effect"] - key_change(f)[f.query]) < 1e-4 + 1e-3 * v["effect"]


@claim(*(f"reading.says.rollout{how}" for how in ("", "_own", "_only", "_alike", "_nothing", "_put", "_rest")))
def rollout(f: Fresh, v: Values) -> None:
    """What each word holds of each, and at last of what was put in, carried from layer to layer."""
    held, (name, place) = np.eye(f.n, f.n + 1), f.scene.patch or ("", ())
    all_put = np.eye(f.n + 1)[-1]
    for layer in range(f.layer + 1):
        if name == f"blocks.{layer}.resid_pre":
            held[place] = all_put
        given = {head: f.patterns[layer, head] @ held for head in range(f.config.n_heads) if (layer, head) in f.on}
        if name == f"blocks.{layer}.attn.z":
            for head in [place[0]] if place else [*given]:
                given[head][place[1:]] = all_put
        mixed = sum(given.values(), np.zeros_like(held))
        if f.config.residual:  # a head that is off leaves its share with the word itself
            mixed = (mixed + (f.config.n_heads - len(given)) * held) / f.config.n_heads
            held = (held + mixed) / 2
        else:
            held = mixed / max(len(given), 1)
    row, put = held[f.query, :-1], held[f.query, -1]
    assert f.told.endswith("_rest") == ("query" not in v)
    if "query" not in v:  # the sentence about the rest
        assert near(v["share"], put) and put > 0 and row.any()
        return
    assert v["query"] == f.token(f.query) and v["layer"] == f.layer
    assert near(v["share"], row[f.seen[f.query]].max()) and near(v["own"], row[f.query])
    most = most_of(f, row)
    assert v["keys"] == f.named(most, itself=f.query)
    sight = f.seen[f.query].sum()
    how = "_only" if sight == 1 else "_alike" if len(most) == sight else "_own" * (f.query in most)
    if not row.any():
        how = "_put" if put else "_nothing"
    assert f.told == f"reading.says.rollout{how}"


def in_plane(f: Fresh) -> tuple[np.ndarray, np.ndarray, float]:
    """The distances in the plane and the weights, of the pairs that may look, and the plane's share of the variance."""
    turned = "rot_" if f.config.positions == "rotary" else ""
    q, k = (f.of_head(turned + name) for name in "qk")
    both = np.concatenate([q - q.mean(0), k - k.mean(0)])
    values, axes = np.linalg.eigh(both.T @ both)
    two = axes[:, np.argsort(-values)[:2]]
    at = both @ two
    apart = np.array([[np.linalg.norm(at[i] - at[f.n + j]) for j in range(len(f.columns))] for i in range(f.n)])
    share = sorted(values)[::-1][:2]
    return apart[f.seen], f.of_head("pattern")[f.seen], float(sum(share) / values.sum()) if values.sum() > 0 else 0.0


def ranks_of(values: np.ndarray) -> np.ndarray:
    """Ranks, those alike with the mean of theirs."""
    return np.array([np.sum(values < x) + (np.sum(values == x) - 1) / 2 for x in values])


@claim("reading.says.lines")
def _(f: Fresh, v: Values) -> None:
    assert v["n"] == int((f.of_head("pattern") > f.scene.threshold).sum()) and v["threshold"] == f.scene.threshold


@claim("reading.says.plane", "reading.says.plane_little")
def _(f: Fresh, v: Values) -> None:
    apart, weights, share = in_plane(f)
    assert v["n"] == len(weights) >= 3
    with np.errstate(all="ignore"):
        shares = ((x / x.max()).round(6) for x in (apart, weights))
        expected = -np.corrcoef(*map(ranks_of, shares))[0, 1]
    assert abs(v["correlation"] - expected) < 0.004 and abs(v["share"] - 100 * share) < 0.05
    says = told_as(f, "means little", "diz pouco")
    assert says == (v["correlation"] < 0.5)


@claim("reading.says.plane_few")
def _(f: Fresh, v: Values) -> None:
    assert v["n"] == int(f.seen.sum()) < 3


@claim("reading.says.plane_alike")
def _(f: Fresh, v: Values) -> None:
    apart, weights, _ = in_plane(f)
    assert v["n"] == len(weights) and (np.ptp(weights) <= 1e-6 or np.ptp(apart) <= 1e-6 * (1 + apart.max()))
