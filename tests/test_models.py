"""The models that ship: as good as promised on what they have never read, rebuilt alike, and at home in every Scene."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

import core
from core import Scene
from core.interpret.induction import dependency_chance, dependency_score, find_circuit, patterns
from core.presets import find, register
from core.tasks import Repeat, Stories, agreement, evaluate, story
from core.tokenizer.words import FixedVocabulary
from models.build import BUILDS, HERE, begin, curve
from pictures.pages import PAGES
from pictures.words import LANGUAGES, words_of
from tests.support import html, open_page
from ui.state import NOTICES, SCENE

MODELS = {name: core.PRESETS[name] for name in BUILDS}
SEEN = 10**6  # steps that no training has come to: other held-out data than what the scores beside the files are of


def about(name: str) -> dict:
    return json.loads((HERE / name / "training.json").read_text("utf-8"))


# ------------------------------------------------------------------------------------------------------- the bars


@pytest.mark.parametrize("name", [name for name, preset in core.PRESETS.items() if not preset.trained])
def test_what_was_not_trained_has_learned_nothing(name):
    with pytest.raises(core.FibraError, match="init_params"):
        _ = core.PRESETS[name].learned


def test_induction_knows_the_second_half_of_sequences():
    preset, task = MODELS["induction"], Repeat()
    assert (preset.config.n_layers, preset.config.d_mlp) == (2, 0)  # two layers, attention only
    assert evaluate(preset.learned, preset.config, task.batch(SEEN, 100, held_out=True))[1] >= 0.95
    halves = np.random.default_rng(1).permuted(np.tile(np.arange(60), (100, 1)), axis=1)[:, :30]
    rows = np.concatenate([halves, halves], axis=1)
    asked = np.broadcast_to(np.arange(1, 60) > 30, (100, 59))
    assert evaluate(preset.learned, preset.config, core.Batch(rows[:, :-1], rows[:, 1:], asked))[1] >= 0.95


def test_the_induction_head_is_found():
    preset = MODELS["induction"]
    circuit = find_circuit(preset.learned, preset.config, Repeat().batch(SEEN, 30, held_out=True).ids)
    scores = about("induction")["scores"]
    assert [list(circuit.second), list(circuit.first)] == [scores["induction_head"], scores["previous_token_head"]]
    assert circuit.score > 0.9 and circuit.previous[circuit.first] > 0.5
    assert circuit.without < 0.5 * circuit.score  # without the head before it, it finds little


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_stories_agree(language):
    preset = MODELS["stories"]
    assert agreement(preset.learned, preset.config, language, 150) >= 0.97


def test_heads_of_stories_look_at_what_words_depend_on():
    """Some head does so far more than chance, by the grammar's own account."""
    preset, task = MODELS["stories"], Stories()
    scores, chance = [], []
    for number in range(40):
        told = story("pt-BR", number, held_out=True)
        depends = [word.depends for word in told]
        trace = core.forward(preset.learned, preset.config, np.array(task.encode(told)))
        scores.append(dependency_score(patterns(trace, preset.config.n_layers), depends))
        chance.append(dependency_chance(depends))
    assert np.mean(scores, axis=0).max() > 1.5 * np.mean(chance)


@pytest.mark.parametrize("name", BUILDS)
def test_what_stands_beside_the_file_is_true(name):
    written, preset = about(name), MODELS[name]
    assert written["parameters"] == preset.config.n_parameters() and written["seconds"] > 0
    file = HERE / name / "model.safetensors"
    assert file.stat().st_size < 3_000_000
    loaded = core.load_pretrained(HERE / name)
    assert loaded.config == preset.config
    assert tuple(json.loads(loaded.metadata["vocabulary"])) == preset.tokenizer.tokens
    assert written["curve"]["loss"][-1] < written["curve"]["loss"][0]


@pytest.mark.parametrize("name", BUILDS)
def test_the_first_steps_again_give_the_recorded_curve(name):
    recorded = about(name)["curve"]
    points = [*islice(curve(BUILDS[name], begin(BUILDS[name])), 2)]
    for i, (step, loss, held_out) in enumerate(points):
        assert step == recorded["step"][i]
        assert loss == pytest.approx(recorded["loss"][i], rel=1e-3)
        assert held_out == pytest.approx(recorded["held_out_loss"][i], rel=1e-3)


# ------------------------------------------------------------------------------------------------------ the Scenes


def test_weights_are_fetched_when_they_are_first_asked_for():
    preset = core.Preset("x", MODELS["induction"].config, "ba", source=lambda: 1 / 0)
    assert preset.trained
    with pytest.raises(ZeroDivisionError):
        _ = preset.learned


@pytest.mark.parametrize("name", BUILDS)
def test_a_scene_runs_the_learned_weights(name):
    scene = Scene(model=name)
    run = core.run(scene)
    preset = MODELS[name]
    ids = np.array([preset.tokenizer.tokens.index(token.lower()) for token in run.tokens])
    alone = core.forward(preset.learned, preset.config, ids)
    assert np.array_equal(run.trace["logits"], alone["logits"])
    assert scene.computed == Scene(model=name, seed=7, split="characters").computed


def test_stories_go_on_as_they_should():
    """The likeliest next word of sentences never learned by heart."""
    for sentence, forms, right in (
        ("as focas perto do pinguim estão muito", ["cansado", "cansada", "cansados", "cansadas"], "cansadas"),
        ("o pinguim perto das focas está muito", ["molhado", "molhada", "molhados", "molhadas"], "molhado"),
        ("the mother seal sleeps on the ice. now", ["he", "she", "it", "they"], "she"),
    ):
        run = core.run(Scene(model="stories", sentence=sentence))
        vocabulary = MODELS["stories"].tokenizer.tokens
        logits = run.trace["logits"][-1]
        assert max(forms, key=lambda form: logits[vocabulary.index(form)]) == right


def test_any_words_twice_are_gone_on_with():
    run = core.run(Scene(model="induction", sentence="os pinguins não tem joelho os pinguins não tem"))
    expected = run.encoding.ids[4]
    assert run.tokens[4] == "joelho" and run.trace["logits"][-1].argmax() == expected


@pytest.mark.parametrize(("name", "value"), [("d_model", "32"), ("n_layers", "1"), ("n_heads", "4"), ("d_mlp", "4")])
def test_sizes_of_a_trained_model_are_refused_with_a_notice(name, value):
    scene, notices = Scene.from_query({"model": "induction", name: value, "norm": "none"})
    assert scene == Scene(model="induction", overrides=(("norm", "none"),))
    assert [(n.code, n.field, n.value) for n in notices] == [("trained", name, value)]
    with pytest.raises(core.FibraError):
        Scene(model="induction", overrides=((name, int(value)),))


@pytest.mark.parametrize("name", BUILDS)
def test_what_is_left_out_needs_no_weights_and_a_norm_starts_at_one(name):
    for changes in (
        {"norm": "none"},
        {"positions": "none"},
        {"causal": False},
        {"residual": False},
        {"norm_at": "post"},
    ):
        assert np.isfinite(core.run(Scene(model=name).override(**changes)).trace["logits"]).all()


def test_unknown_words_and_their_neighbours():
    words = FixedVocabulary(("<unknown>", "a", "foca", "."))
    assert words.encode("A foca, joelho.").ids.tolist() == [1, 2, 0, 0, 3]
    assert words.encode("A foca, joelho.").tokens == ("A", "foca", ",", "joelho", ".")
    assert words.outside("A foca joelho.") == {"joelho": "<unknown>"}
    syllables = FixedVocabulary(("ba", "be", "bi", "bo"))
    ids = syllables.encode("ba x y x BE").ids.tolist()
    assert ids[0] == 0 and ids[4] == 1 and ids[1] == ids[3] and {ids[1], ids[2]} == {2, 3}
    assert len(syllables.encode("a b c d e f").ids) == 6  # more words than ids: some share one
    assert words.decode([1, 2, 3]) == "a foca." and FixedVocabulary(("a", " "), "characters").decode([0, 1]) == "a "


# ------------------------------------------------------------------------------------- models that live in a session


def run_of(seed: int) -> core.Preset:
    config = MODELS["induction"].config
    params = core.init_params(config, seed)
    return core.Preset("repeat", config, "ba be", tokenizer=MODELS["induction"].tokenizer, source=lambda: params)


def test_a_registered_model_lives_as_long_as_it_is_held():
    name, held = register(run_of(1))
    assert register(run_of(1)) == (name, held) and register(run_of(2))[0] != name
    scene, notices = Scene.from_query({"model": name})
    assert scene.model == name and not notices
    assert np.array_equal(core.run(scene).params["embed.W_E"], held.learned["embed.W_E"])
    del held
    assert find(name) is None
    gone, notices = Scene.from_query(scene.to_query())
    assert gone == Scene() and [n.code for n in notices] == ["gone"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if page.model])
@pytest.mark.parametrize("name", BUILDS)
def test_every_page_shows_them(page, name, lang):
    at = open_page(page, {"model": name, "lang": lang})
    assert not at.exception, at.exception[0].value
    assert at.session_state[SCENE] == Scene(model=name, lang=lang)
    assert not any(widget.label == words_of(lang)("shell.split") for widget in at.sidebar.get("button_group"))


def test_a_scene_of_a_model_that_is_gone_gives_the_default_and_says_so():
    at = open_page("drift", {"model": "run-0123456789abcdef", "lang": "en"})
    assert not at.exception and at.session_state[SCENE] == Scene(lang="en")
    assert [n.code for n in at.session_state[NOTICES]] == ["gone"]
    assert "is gone" in html(at)
