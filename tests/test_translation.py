"""Pairs of sentences and what stems from what; the translator that learned from them; and beam search."""

from __future__ import annotations

import json
from itertools import islice, product

import numpy as np
import pytest

import core
from core import ConfigError
from core.interpret import alignment_score, cross_patterns, cross_rollout
from core.tasks import Translation, pair
from core.tasks.bilingual import ENGLISH, LASTING, PASSING, PORTUGUESE, Pair, vocabulary
from core.tasks.translation import TOWARDS, UNKNOWN
from models.build import HERE, SOURCED_BUILDS, begin, curve
from tests.support import random_params, worst

TASK = Translation()
TRANSLATOR = core.PRESETS["translator"]
PAIRS = [pair(number) for number in range(3000)]
SEEN = 10**5  # held-out pairs that the scores beside the file are not of
ADJECTIVES = {forms[-1]: {*forms[:-1]} for forms in (*PASSING, *LASTING)}


def translated(words: str, into: str) -> str:
    """Greedy writing, until the period."""
    source = np.array(TASK.spell(words.split(), into))
    stop = TASK.ids["."]
    steps = core.generate(TRANSLATOR.learned, TRANSLATOR.config, [source[0]], 20, 0, source=source, stop=stop)
    return " ".join(TASK.read([step.token for step in steps]))


# ---------------------------------------------------------------------------------------------------------- the pairs


def test_each_sentence_has_one_translation():
    for one, two in (("portuguese", "english"), ("english", "portuguese")):
        found: dict[tuple, set] = {}
        for told in PAIRS:
            found.setdefault(getattr(told, one), set()).add(getattr(told, two))
        assert all(len(others) == 1 for others in found.values())


def test_every_word_stems_from_one():
    for told in PAIRS[:500]:
        for into, words, source in (
            (ENGLISH, told.english, told.portuguese),
            (PORTUGUESE, told.portuguese, told.english),
        ):
            truth = told.truth(into)
            assert [*truth] == [*range(len(words))]
            assert frozenset().union(*truth.values()) == frozenset(range(len(source)))
            assert {*words} <= vocabulary(into)
    assert max(len(told.english) for told in PAIRS) < TASK.n_ctx - 1


def test_adjectives_change_places_with_their_nouns():
    crossed = 0
    for told in PAIRS[:500]:
        by_english = told.truth(ENGLISH)
        for place in told.crossing(ENGLISH):
            (stem,) = by_english[place]
            if told.english[place] in ADJECTIVES:
                assert told.portuguese[stem] in ADJECTIVES[told.english[place]]
                assert stem == place + 1, "behind its noun"
                crossed += 1
            else:
                assert told.english[place - 1] in ADJECTIVES and stem == place - 1
    assert crossed > 100
    assert Pair(("a",), ("b",), frozenset({(0, 0)})).crossing(ENGLISH) == []


def test_the_two_splits_never_meet():
    trained, held = ({pair(number, split).portuguese for number in range(2000)} for split in (False, True))
    assert not trained & held
    assert pair(7) == pair(7) and pair(7) != pair(8)


def test_a_batch_reads_one_language_and_writes_the_other():
    batch = TASK.batch(3, 40)
    again = TASK.batch(3, 40)
    assert all(np.array_equal(a, b) for a, b in zip(batch, again, strict=True))
    assert np.array_equal(batch.source, again.source) and not np.array_equal(batch.ids, TASK.batch(4, 40).ids[:, :5])
    for row in range(40):
        source = TASK.read(batch.source[row][batch.source_mask[row]])
        target = TASK.read(batch.targets[row][batch.mask[row]])
        (into,) = [language for language, sign in TOWARDS.items() if sign == source[0]]
        other = PORTUGUESE if into == ENGLISH else ENGLISH
        assert TASK.read(batch.ids[row, :1]) == (source[0],) and target[-1] == "." == source[-1]
        assert {*source[1:]} - {UNKNOWN} <= vocabulary(other) and {*target} - {UNKNOWN} <= vocabulary(into)
        assert (UNKNOWN in target) <= (UNKNOWN in source)
        assert np.array_equal(batch.ids[row, 1:][batch.mask[row, 1:]], batch.targets[row, :-1][batch.mask[row, 1:]])


# ------------------------------------------------------------------------------------------------------ the translator


@pytest.mark.parametrize("into", TOWARDS)
def test_it_translates_what_it_never_read(into):
    exact, by_head = [], []
    for number in range(SEEN, SEEN + 100):
        told = pair(number, held_out=True)
        source, target = (np.array(ids) for ids in TASK.encode(told, into))
        trace = core.forward(TRANSLATOR.learned, TRANSLATOR.config, target[:-1], source=source)
        exact.append(np.array_equal(trace["logits"].argmax(-1), target[1:]))
        behind = {place: frozenset(stem + 1 for stem in stems) for place, stems in told.truth(into).items()}
        by_head.append(alignment_score(cross_patterns(trace, TRANSLATOR.config), behind))
        assert alignment_score(cross_rollout(trace, TRANSLATOR.config), behind) > 0.2
    assert np.mean(exact) >= 0.95
    assert np.mean(by_head, 0).max() > 0.9


def test_it_writes_both_ways():
    there = "yesterday the white seals saw the boat ."
    assert translated("ontem as focas brancas viram o barco .", ENGLISH) == there
    assert translated(there, PORTUGUESE) == "ontem as focas brancas viram o barco ."
    assert translated("o albatroz velho é jovem .", ENGLISH) == "the old albatross is young ."
    assert translated("aquela orca preguiçosa dorme no gelo .", ENGLISH) == "that lazy orca sleeps on the ice ."


def test_what_stands_beside_the_file_is_true():
    written = json.loads((HERE / "translator" / "training.json").read_text("utf-8"))
    assert written["parameters"] == TRANSLATOR.config.n_parameters()
    assert (HERE / "translator" / "model.safetensors").stat().st_size < 3_000_000
    loaded = core.load_pretrained(HERE / "translator")
    assert loaded.config == TRANSLATOR.config == TASK.config
    assert tuple(json.loads(loaded.metadata["vocabulary"])) == TRANSLATOR.tokenizer.tokens == TASK.vocabulary
    for into in TOWARDS:
        assert written["scores"][f"exact_{into}"] >= 0.95 and written["scores"][f"crossing_words_{into}"] >= 0.95
    build = SOURCED_BUILDS["translator"]
    for i, (step, loss, held_out) in enumerate(islice(curve(build, begin(build)), 2)):
        assert step == written["curve"]["step"][i]
        assert loss == pytest.approx(written["curve"]["loss"][i], rel=1e-3)
        assert held_out == pytest.approx(written["curve"]["held_out_loss"][i], rel=1e-3)


def test_the_paper_s_model_has_learned_nothing():
    preset = core.PRESETS["seq2seq"]
    params = preset.params(preset.config, 0)
    trace = core.forward(params, preset.config, np.arange(5), source=np.arange(9))
    loss, _ = core.cross_entropy(trace["logits"], np.arange(1, 6))
    assert abs(loss - np.log(preset.config.vocab_size)) < 1


# -------------------------------------------------------------------------------------------------------- the alignment


def test_alignment_by_hand():
    weights = np.array([[0.6, 0.4, 0.0], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]])
    truth = {0: frozenset({0}), 1: frozenset({1, 2}), 2: frozenset({2})}
    assert alignment_score(weights, truth) == pytest.approx(2 / 3)
    assert alignment_score(np.stack([weights, np.eye(3)]), truth).tolist() == pytest.approx([2 / 3, 1.0])


def test_cross_rollout_of_one_layer_by_hand():
    config = TASK.config.replace(n_layers=1, n_encoder_layers=1)
    trace = core.forward(random_params(config, 0), config, np.arange(3), source=np.arange(4))
    encoder = 0.5 * trace["encoder.blocks.0.attn.pattern"].mean(0) + 0.5 * np.eye(4)
    expected = 0.5 * trace["blocks.0.cross.pattern"].mean(0) @ encoder
    assert worst(cross_rollout(trace, config), expected) < 1e-12
    assert np.allclose(expected.sum(-1), 0.5)


def test_cross_rollout_is_one_walk_over_the_words_of_both_texts():
    """Source and target side by side: each step is a matrix over all of them, of which a part looks and the rest
    stays."""
    config, (m, n) = TASK.config.replace(n_layers=3, n_encoder_layers=2), (4, 3)
    trace = core.forward(random_params(config, 1), config, np.arange(n), source=np.arange(m))
    source, target = np.arange(m), np.arange(m, m + n)
    steps = [(f"encoder.blocks.{i}.attn", source, source) for i in range(2)]
    for i in range(3):
        steps += [(f"blocks.{i}.attn", target, target), (f"blocks.{i}.cross", target, source)]
    walk = np.eye(m + n)
    for name, who, whom in steps:
        step = np.eye(m + n)
        step[who] /= 2
        step[np.ix_(who, whom)] += trace[f"{name}.pattern"].astype(np.float64).mean(0) / 2
        walk = step @ walk
    assert walk.sum(1) == pytest.approx(1)
    assert worst(cross_rollout(trace, config), walk[m:, :m]) < 1e-6


def test_cross_rollout_of_two_layers_passes_on_half_of_what_came_before():
    config = TASK.config.replace(n_layers=2, n_encoder_layers=1)
    trace = core.forward(random_params(config, 0), config, np.arange(3), source=np.arange(4))
    encoder = 0.5 * trace["encoder.blocks.0.attn.pattern"].mean(0) + 0.5 * np.eye(4)
    own, cross = ([trace[f"blocks.{i}.{part}.pattern"].mean(0) for i in range(2)] for part in ("attn", "cross"))
    first = 0.5 * cross[0] @ encoder
    expected = 0.5 * (0.5 * first + 0.5 * own[1] @ first) + 0.5 * cross[1] @ encoder
    assert worst(cross_rollout(trace, config), expected) < 1e-12


# ---------------------------------------------------------------------------------------------------------------- beams


SMALL = core.Config(
    **dict(vocab_size=4, n_ctx=8, d_model=8, n_layers=1, n_heads=2, d_mlp=8, causal=True, positions="sinusoidal"),
    **dict(unembed=True, n_encoder_layers=1, cross=True, norm="layer", final_norm=True),
)


def best_of_all(params: core.Params, source: np.ndarray, n: int) -> tuple[tuple[int, ...], float]:
    """The likeliest text of n tokens, by trying every one."""
    rows = np.array([[1, *tokens] for tokens in product(range(4), repeat=n)])
    logits = core.forward(params, SMALL, rows[:, :-1], source=source)["logits"]
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    total = np.take_along_axis(logs, rows[:, 1:, None], -1)[..., 0].sum(-1)
    return tuple(rows[total.argmax(), 1:].tolist()), float(total.max())


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_is_wide_enough_finds_the_likeliest_text(seed):
    params, source = random_params(SMALL, seed), np.array([2, 3, 1])
    tokens, log_p = best_of_all(params, source, 2)
    *_, last = core.beam_search(params, SMALL, [1], 2, width=4, source=source)
    assert last.kept[0].tokens == tokens and last.kept[0].log_probability == pytest.approx(log_p)
    assert [beam.score for beam in last.kept] == sorted((beam.score for beam in last.kept), reverse=True)


def test_a_beam_of_one_is_greedy():
    params, source = random_params(SMALL, 5), np.array([2, 3, 1])
    greedy = [step.token for step in core.generate(params, SMALL, [1], 6, 0, source=source)]
    steps = [*core.beam_search(params, SMALL, [1], 6, width=1, source=source)]
    assert [*steps[-1].kept[0].tokens] == greedy and [len(step.kept) for step in steps] == [1] * 6


def test_the_whole_search_is_kept():
    params, source = random_params(SMALL, 6), np.array([2, 3, 1])
    steps = [*core.beam_search(params, SMALL, [1], 5, 3, source=source, stop=2, names=["blocks.0.cross.pattern"])]
    before = {(): None}
    for n, step in enumerate(steps, 1):
        assert step.trace["blocks.0.cross.pattern"].shape[0] == len(step.opened) <= 3
        for beam in (*step.kept, *step.dropped):
            assert beam.parent.tokens in before or beam.done
            assert beam.tokens[:-1] == beam.parent.tokens and beam.done == (beam.tokens[-1] == 2)
            assert beam.log_probability <= beam.parent.log_probability
            assert len(beam.tokens) == n or beam.done
        assert step.kept[-1].score >= step.dropped[0].score
        before = {beam.tokens: beam for beam in step.kept}
    logits = core.forward(params, SMALL, np.array([1, *steps[-1].kept[0].tokens[:-1]]), source=source)["logits"]
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = [logs[i, token] for i, token in enumerate(steps[-1].kept[0].tokens)]
    assert each == pytest.approx([*steps[-1].kept[0].log_probabilities])
    mean = [*core.beam_search(params, SMALL, [1], 5, 3, source=source, stop=2, penalty=1.0)][-1].kept[0]
    assert mean.score == pytest.approx(mean.log_probability / len(mean.tokens))


def test_a_beam_of_the_translator():
    source = np.array(TASK.spell(["as", "focas", "dormem", "na", "praia", "."], ENGLISH))
    *_, last = core.beam_search(
        TRANSLATOR.learned, TRANSLATOR.config, source[:1], 20, 8, source=source, stop=TASK.ids["."]
    )
    assert TASK.read(last.kept[0].tokens) == ("the", "seals", "sleep", "on", "the", "beach", ".")
    assert len(last.kept) == 8 and np.exp(last.kept[0].log_probability) > 0.9


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"width": 0}, "width"),
        ({"width": 9}, "width"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 99}, "max_new_tokens"),
        ({"stop": 4}, "stop"),
        ({"penalty": "none"}, "penalty"),
        ({"source": None}, "source"),
        ({"ids": [[1]]}, "ids"),
        ({"names": ["blocks.7.cross.z"]}, "names"),
    ],
)
def test_a_search_that_cannot_be_is_refused(arguments, name):
    given = {"ids": [1], "source": np.array([1, 2]), "max_new_tokens": 5} | arguments
    with pytest.raises(ConfigError, match=f"^{name}:"):
        core.beam_search(random_params(SMALL, 0), SMALL, **given)
