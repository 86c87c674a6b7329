"""Generation: the cache gives what is given without it, each cut is what its definition says, and draws come again."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import configs, golden, random_config, random_params, worst

import core
from core import model
from core.config import CHOICES
from core.generate import loop
from core.generate.cache import Cache
from core.generate.known import Known
from core.generate.loop import multiplications
from core.generate.sampling import ROUNDING, Distribution, Sampling
from core.interpret import residual_stages
from core.interventions import PARTS
from core.ops.attention import attention_scores, weighted_values
from core.ops.linear import linear

seeds = st.integers(0, 2**31)
CONFIG = core.Config(vocab_size=30, n_ctx=32, d_model=8, n_layers=2, n_heads=2, d_mlp=12, causal=True, unembed=True)
IDS = np.array([3, 1, 4])
UNMASKED = core.Interventions(off=frozenset({"mask"}))


def setup(config: core.Config = CONFIG, seed: int = 0) -> tuple[dict[str, np.ndarray], core.Config]:
    return random_params(config, seed), config


def tokens(steps) -> list[int]:
    return [step.token for step in steps]


# ------------------------------------------------------------------------------------------------------ the cache

causal = configs.map(lambda config: config.replace(causal=True))
writing = causal.map(lambda config: config.replace(unembed=True))


@given(causal, seeds, st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_pieces_through_a_cache_equal_the_whole(config, seed, pieces):
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, (2, min(sum(pieces), config.n_ctx)))
    params = random_params(config, seed)
    whole = core.forward(params, config, ids)
    cache, done = Cache(config), 0
    for n in pieces:
        piece = ids[:, done : done + n]
        if not piece.size:
            break
        part = core.forward(params, config, piece, cache=cache)
        assert part.keys() == whole.keys()
        done = cache.length
        for name, got in part.items():
            rows = slice(done - piece.shape[1], done)
            by_row = name.rpartition(".")[2] in ("scores", "scores_scaled", "scores_masked", "pattern")
            expected = whole[name][..., rows, :done] if by_row else whole[name][..., rows, :]
            finite = np.isfinite(expected)
            assert np.array_equal(finite, np.isfinite(got)), name
            assert np.abs(got[finite] - expected[finite]).max() <= 1e-10 * np.abs(expected[finite]).max() + 1e-12, name


@given(writing, seeds, st.integers(1, 6))
def test_generation_with_and_without_a_cache_is_the_same(config, seed, n):
    params = random_params(config, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, 3)
    off = frozenset(PARTS[i] for i in range(len(PARTS)) if seed >> i & 1 and PARTS[i] != "mask")
    change = core.Interventions(temperature=0.7, ablated=frozenset({(0, 0)}), off=off)
    knobs = dict(max_new_tokens=n, temperature=0.8, top_p=0.9, seed=seed, interventions=change)
    with_cache = [*core.generate(params, config, ids, **knobs)]
    without = [*core.generate(params, config, ids, cache=False, **knobs)]
    assert tokens(with_cache) == tokens(without) and len(without) == n
    for a, b in zip(with_cache, without, strict=True):
        np.testing.assert_allclose(a.distribution.logits, b.distribution.logits, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["gpt2-tiny", "llama-gqa"])
def test_real_layouts_generate_the_same_in_float32(name):
    config, params = golden(name)
    knobs = dict(max_new_tokens=20, temperature=0.0)
    pairs = zip(
        core.generate(params, config, IDS, **knobs),
        core.generate(params, config, IDS, cache=False, **knobs),
        strict=True,
    )
    for a, b in pairs:
        assert a.token == b.token
        assert worst(a.distribution.logits, b.distribution.logits) < 1e-5


def test_each_step_reads_what_was_written():
    params, config = setup()
    steps = [*core.generate(params, config, IDS, 6, seed=5)]
    text = np.array([*IDS, *tokens(steps)])
    logits = core.forward(params, config, text)["logits"]
    for step in steps:
        assert worst(step.distribution.logits, logits[step.position - 1]) < 1e-10
        assert text[step.position] == step.token
    assert [step.position for step in steps] == [*range(3, 9)]


def test_embeddings_stand_in_for_the_context():
    params, config = setup()
    x = params["embed.W_E"][IDS]
    by_ids = [*core.generate(params, config, IDS, 5)]
    assert tokens(core.generate(params, config, embeddings=x, max_new_tokens=5)) == tokens(by_ids)
    edited = x.copy()
    edited[0] += 3
    first = next(core.generate(params, config, embeddings=edited))
    expected = core.forward(params, config, embeddings=edited)["logits"][-1]
    assert worst(first.distribution.logits, expected) < 1e-10
    assert worst(first.distribution.logits, by_ids[0].distribution.logits) > 1e-3


def test_a_step_keeps_the_trace_that_was_asked_for():
    params, config = setup()
    first, second = islice(core.generate(params, config, IDS, names=["blocks.*.attn.pattern"]), 2)
    assert {*first.trace} == {"blocks.0.attn.pattern", "blocks.1.attn.pattern", "logits"}
    assert first.trace["blocks.1.attn.pattern"].shape == (2, 3, 3)
    assert second.trace["blocks.1.attn.pattern"].shape == (2, 1, 4)


def test_a_cache_is_not_spoilt_by_a_refusal():
    params, config = setup()
    cache = Cache(config, room=4)
    core.forward(params, config, IDS, cache=cache)
    with pytest.raises(core.ConfigError, match="2 tokens after 3 exceed the cache's room, 4"):
        core.forward(params, config, [1, 2], cache=cache)
    last = core.forward(params, config, [5], cache=cache)["logits"]
    assert cache.length == 4
    assert worst(last, core.forward(params, config, [*IDS, 5])["logits"][-1:]) < 1e-10


# --------------------------------------------------------------------------------------------------- the sampling

logit_rows = st.lists(st.integers(-9, 9).map(lambda n: n / 4), min_size=1, max_size=12)


def by_definition(logits: list[float], temperature: float, k: int | None, p: float | None) -> list[float]:
    """The distribution that is drawn from, as one would write it without NumPy."""
    weights = [np.exp(x / temperature) for x in logits]
    probabilities = [w / sum(weights) for w in weights]
    ranked = sorted(range(len(logits)), key=lambda token: (-probabilities[token], token))
    kept = ranked[:k]
    left = sum(probabilities[token] for token in kept)
    if p is not None:
        nucleus, reached = [], 0.0
        for token in kept:
            nucleus.append(token)
            reached += probabilities[token] / left
            if reached >= p:
                break
        kept = nucleus
    total = sum(probabilities[token] for token in kept)
    return [probabilities[token] / total if token in kept else 0.0 for token in range(len(logits))]


@given(
    logit_rows,
    st.sampled_from((0.25, 0.7, 1.0, 2.0)),
    st.sampled_from((None, 1, 3, 99)),
    st.sampled_from((None, 0.1, 0.63, 0.97, 1.0)),
)
@example([0.0] * 12, 1.0, 3, 0.63)  # of the three that top-k leaves, top-p counts shares of their own sum
def test_the_cuts_are_their_definitions(logits, temperature, top_k, top_p):
    got = Distribution(np.array(logits), Sampling(temperature, top_k, top_p))
    expected = by_definition(logits, temperature, top_k, None if top_p == 1.0 else top_p)
    assert got.final == pytest.approx(expected, abs=1e-12)
    assert got.plain == pytest.approx(by_definition(logits, 1.0, None, None), abs=1e-12)
    assert got.tempered == pytest.approx(by_definition(logits, temperature, None, None), abs=1e-12)
    assert {*got.kept.tolist()} == {i for i, share in enumerate(expected) if share}
    assert sorted(got.order.tolist()) == [*range(len(logits))]
    assert got.n_kept <= got.n_top_k == min(len(logits), top_k or len(logits))
    assert got.draw(7) in got.kept


def test_a_token_s_place_and_its_rank_which_those_as_likely_share():
    likely = Distribution(np.log([0.1, 0.3 * (1 + ROUNDING / 2), 0.3, 0.2, 0.1]), Sampling())
    assert likely.order.tolist() == [1, 2, 3, 0, 4]
    assert [likely.place(token) for token in range(5)] == [3, 0, 1, 2, 4]
    assert [likely.rank(token) for token in range(5)] == [(4, 2), (1, 2), (1, 2), (3, 1), (4, 2)]


def test_temperature_zero_takes_the_likeliest_and_the_first_of_equals():
    greedy = Distribution(np.array([1.0, 3.0, 3.0, 2.0]), Sampling(temperature=0))
    assert [greedy.draw(position) for position in range(5)] == [1] * 5
    assert greedy.final.tolist() == greedy.tempered.tolist() == [0, 1, 0, 0]
    assert greedy.plain == pytest.approx(by_definition([1, 3, 3, 2], 1.0, None, None))


def test_a_vanishing_temperature_is_greedy_without_a_warning():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        cold = Distribution(np.array([1.0, -3e30, 2.0], np.float32), Sampling(temperature=1e-300))
        assert cold.final.tolist() == [0, 0, 1] and cold.draw(0) == 2


def test_draws_follow_the_distribution():
    distribution = Distribution(np.log([0.5, 0.2, 0.2, 0.06, 0.04]), Sampling(top_p=0.89, seed=3))
    drawn = np.bincount([distribution.draw(position) for position in range(20_000)], minlength=5) / 20_000
    assert drawn == pytest.approx(distribution.final, abs=0.015)
    assert drawn[3:].tolist() == [0, 0]


def test_the_draw_is_where_the_chance_falls():
    distribution = Distribution(np.log([0.2, 0.5, 0.3]), Sampling(seed=1))
    edges = np.cumsum([0.5, 0.3, 0.2])
    for position in range(50):
        place = sum(distribution.chance(position) >= edge for edge in edges)
        assert distribution.draw(position) == [1, 2, 0][place]


@given(writing, seeds)
@settings(max_examples=30)
def test_the_same_seed_writes_the_same_text(config, seed):
    params = random_params(config, 0)
    few = [*core.generate(params, config, IDS, 2, seed=seed)]
    more = [*core.generate(params, config, IDS, 6, seed=seed)]
    assert tokens(few) == tokens(more)[:2]


def test_another_seed_writes_another_text():
    params, config = setup()
    assert len({tuple(tokens(core.generate(params, config, IDS, 8, seed=seed))) for seed in range(10)}) > 5


def test_a_draw_depends_on_seed_and_position_alone():
    params, config = setup()
    long = [*core.generate(params, config, IDS, 6, seed=2)]
    text = [*IDS, *tokens(long)]
    again = next(core.generate(params, config, np.array(text[:6]), 1, seed=2))
    assert (again.position, again.token) == (6, text[6])


def test_a_forced_token_stands_there_and_the_rest_goes_on_from_it():
    params, config = setup()
    free = [*core.generate(params, config, IDS, 6, seed=4, top_k=5)]
    other = int(free[2].distribution.order[-1])
    forced = [*core.generate(params, config, IDS, 6, seed=4, forced={5: other}, top_k=5)]
    assert tokens(forced)[2] == other and [step.forced for step in forced] == [False, False, True, False, False, False]
    assert forced[2].drawn_with == 0.0 and forced[2].probability == pytest.approx(free[2].distribution.plain[other])
    expected = core.forward(params, config, np.array([*IDS, *tokens(forced)[:3]]))["logits"][-1]
    assert worst(forced[3].distribution.logits, expected) < 1e-10
    own = {step.position: step.token for step in free}
    assert tokens(core.generate(params, config, IDS, 6, seed=4, top_k=5, forced=own)) == tokens(free)


def test_it_ends_with_a_stop_token():
    params, config = setup()
    free = tokens(core.generate(params, config, IDS, 8))
    for stop in (free[3], {free[3]}, np.array([free[3]])):
        assert tokens(core.generate(params, config, IDS, 8, stop=stop)) == free[: free.index(free[3]) + 1]


def test_the_context_may_be_filled_to_the_last_place():
    for positions in CHOICES["positions"]:
        params, config = setup(CONFIG.replace(positions=positions))
        steps = [*core.generate(params, config, IDS, config.n_ctx - len(IDS))]
        assert steps[-1].position == config.n_ctx - 1


# ---------------------------------------------------------------------------------------------------- what it cost


class Counter:
    """Counts the multiply-adds of every matrix product that `forward` does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.count = 0
        for function in (linear, attention_scores, weighted_values):
            monkeypatch.setattr(model, function.__name__, self._counting(function))

    def _counting(self, function):
        def counted(a, b, *rest):
            out = function(a, b, *rest)
            # Each number of the product is as many multiply-adds as the axis is long that it sums over.
            self.count += out.size * a.shape[-1]
            return out

        return counted


@pytest.mark.parametrize("seed", range(25))
def test_multiplications_are_those_of_the_products_done(seed, monkeypatch):
    draw = random.Random(seed)
    config = random_config(draw).replace(causal=True, unembed=True)
    params, counter = random_params(config, seed), Counter(monkeypatch)
    off = frozenset(part for part in PARTS if part != "mask" and draw.random() < 0.3)
    change = core.Interventions(off=off)
    for cached in (True, False):
        for step in core.generate(params, config, IDS, 4, cache=cached, interventions=change):
            assert counter.count == step.work.multiplications
            assert step.work.without_cache == multiplications(config, step.position, step.position, off)
            counter.count = 0


def test_the_ledger_says_what_is_new_and_what_is_reused():
    params, config = setup()
    steps = [*core.generate(params, config, IDS, 3)]
    assert [(step.work.reused, step.work.new) for step in steps] == [
        (range(0), range(3)),
        (range(3), range(3, 4)),
        (range(4), range(4, 5)),
    ]
    assert steps[0].work.multiplications == steps[0].work.without_cache
    assert steps[2].work.multiplications < steps[2].work.without_cache / 3
    for step in core.generate(params, config, IDS, 3, cache=False):
        assert (step.work.reused, step.work.new) == (range(0), range(step.position))
        assert step.work.multiplications == step.work.without_cache


# --------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("arguments", "message", "field"),
    [
        (dict(temperature=-0.1), "temperature: -0.1 is not a finite number of 0 or more", "temperature"),
        (dict(temperature=float("nan")), "temperature: nan is not", "temperature"),
        (dict(temperature=float("inf")), "temperature: inf is not", "temperature"),
        (dict(top_k=0), "top_k: 0 is not a whole number of 1 or more; None keeps all", "top_k"),
        (dict(top_p=0.0), "top_p: 0.0 is not above 0 and at most 1", "top_p"),
        (dict(top_p=1.5), "top_p: 1.5 is not above 0 and at most 1", "top_p"),
        (dict(seed=-1), "seed: -1 is not a whole number of 0 or more", "seed"),
        (dict(max_new_tokens=0), "max_new_tokens: 0 is not a whole number of 1 or more", "max_new_tokens"),
        (dict(max_new_tokens=2.0), "max_new_tokens: 2.0 is not a whole number", "max_new_tokens"),
        (dict(max_new_tokens=30), "max_new_tokens: 30 after 3 exceed n_ctx 32; 29 would fit", "max_new_tokens"),
        (dict(forced={2: 0}), "forced: 2 is not a whole number in 3..12", "forced"),
        (dict(forced={13: 0}), "forced: 13 is not a whole number in 3..12", "forced"),
        (dict(forced={4: 30}), "forced: 30 is not a whole number in 0..29", "forced"),
        (dict(stop=30), "stop: 30 is not a whole number in 0..29", "stop"),
        (dict(stop=["."]), "stop: '.' is not a whole number in 0..29", "stop"),
        (dict(ids=None), "ids: give token ids, or embeddings in their place", "ids"),
        (dict(ids=np.array([[1, 2]])), "ids: one sequence at a time", "ids"),
        (dict(ids=np.array([30])), "ids: 30..30 leave the vocabulary 0..29", "ids"),
        (dict(interventions=UNMASKED), "off: takes the mask out, so a later token changes", "off"),
    ],
)
def test_refused_before_the_first_step(arguments, message, field):
    params, config = setup()
    with pytest.raises(core.ConfigError) as error:
        core.generate(params, config, **(dict(ids=IDS, max_new_tokens=10) | arguments))
    assert message in str(error.value) and field in error.value.fields


def test_a_model_without_logits_is_refused():
    config = core.PRESETS["encoder"].config
    with pytest.raises(core.ConfigError, match="unembed: is False, and without logits"):
        core.generate(core.init_params(config), config, IDS)


def test_without_the_mask_only_a_cache_is_refused():
    params, config = setup(CONFIG.replace(causal=False))
    with pytest.raises(core.ConfigError, match="causal: is False, so a later token changes the outputs of earlier"):
        core.generate(params, config, IDS)
    steps = [*core.generate(params, config, IDS, 4, cache=False)]
    text = np.array([*IDS, *tokens(steps)])
    for step in steps:
        expected = core.forward(params, config, text[: step.position])["logits"][-1]
        assert worst(step.distribution.logits, expected) < 1e-10
    params, config = setup()
    steps = [*core.generate(params, config, IDS, 4, cache=False, interventions=UNMASKED)]
    text = np.array([*IDS, *tokens(steps)])
    expected = core.forward(params, config, text[:6], interventions=UNMASKED)["logits"][-1]
    assert worst(steps[3].distribution.logits, expected) < 1e-10


def test_logits_that_are_not_finite_are_named():
    params, config = setup()
    params["unembed.W_U"][:] = np.inf
    with pytest.raises(core.ConfigError, match="the logits for position 3 are not finite"), np.errstate(all="ignore"):
        next(core.generate(params, config, IDS))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(config=CONFIG.replace(n_heads=4)), "cache: was made for another Config"),
        (dict(ids=np.array([[1], [2]])), r"cache: holds float64 keys \(2,\), not float64 \(2, 2\)"),
    ],
)
def test_a_cache_of_something_else_is_refused(given, message):
    params, config = setup()
    cache = Cache(config)
    core.forward(params, config, IDS, cache=cache)
    arguments = dict(config=config, ids=np.array([1])) | given
    with pytest.raises(core.ConfigError, match=message):
        core.forward(params, arguments["config"], arguments["ids"], cache=cache)


@pytest.mark.parametrize("room", [0, 33])
def test_a_cache_has_room_for_1_to_n_ctx(room):
    with pytest.raises(core.ConfigError, match=rf"room: {room} is not in 1\.\.n_ctx, 32"):
        Cache(CONFIG, room)


def test_a_step_is_a_value():
    params, config = setup()
    step = next(core.generate(params, config, IDS))
    with pytest.raises(AttributeError):
        step.token = 3
    assert replace(step, token=1).token == 1


def test_a_text_that_begins_alike_goes_on_from_what_is_known(monkeypatch):
    """Whatever is turned, each step's logits are those of a text that is written from the beginning."""
    preset, looked = core.PRESETS["stories"], []
    forward = loop.forward
    monkeypatch.setattr(loop, "forward", lambda *args, **more: looked.append(1) or forward(*args, **more))
    context = preset.learned["embed.W_E"][core.Scene(model="stories").encoding.ids[:4]]
    known, held, saved = Known(preset.config, context, 20, rows=3), None, 0

    def streams(steps):
        x = np.concatenate([context, preset.learned["embed.W_E"][[step.token for step in steps[:-1]]]])
        return residual_stages(forward(preset.learned, preset.config, embeddings=x), preset.config.n_layers)

    turns = ({}, {"seed": 3}, {"seed": 3, "top_k": 2}, {"seed": 3, "max_new_tokens": 16}, {"forced": {6: 9}}, {})
    for turn in turns:
        about = {"embeddings": context, "max_new_tokens": 9} | turn
        looked.clear()
        steps = [*core.generate(preset.learned, preset.config, **about, known=known)]
        computed = len(looked)
        fresh = [*core.generate(preset.learned, preset.config, **about)]
        assert [step.token for step in steps] == [step.token for step in fresh]
        assert [step.work for step in steps] == [step.work for step in fresh]
        for one, other in zip(steps, fresh, strict=True):  # of a context the last row is read alone
            np.testing.assert_allclose(one.trace["logits"][-1], other.trace["logits"][-1], rtol=1e-4, atol=1e-4)
        for rows, n in ((known.rows, len(steps)), (known.rows, 1)):
            stages = known.stages([step.token for step in steps[: n - 1]])
            np.testing.assert_allclose(stages, streams(steps[:n])[:, 4 - rows :], rtol=1e-4, atol=1e-4)
        assert known.stages([step.token for step in steps]) is None, "the last token was not read"
        assert known.stages([-1]) is None
        tokens = [step.token for step in steps]
        same = (
            0 if held is None else next((i for i, token in enumerate(held) if tokens[i : i + 1] != [token]), len(held))
        )
        there = 0 if held is None else min(len(tokens), same + 1)
        assert computed == len(tokens) - there
        held, saved = held if there == len(tokens) else tokens[:-1], saved + there
    assert saved > 8
    for wrong in ({"embeddings": context[:3]}, {"max_new_tokens": 17}, {"cache": False}, {"names": ["*.pattern"]}):
        with pytest.raises(core.ConfigError, match="known"):
            core.generate(preset.learned, preset.config, **{"embeddings": context, "known": known} | wrong)


def test_a_share_of_one_cuts_nothing_however_small():
    """Not even what float64 adds to the others without a change."""
    logits = np.array([0.0, -60.0, 1.0, -90.0])
    for top_p, top_k, n in ((1, None, 4), (1.0, 3, 3), (None, None, 4), (0.999999, None, 2)):
        found = Distribution(logits, Sampling(top_p=top_p, top_k=top_k))
        assert found.n_kept == n and int((found.final > 0).sum()) == n, (top_p, top_k)
