"""Whatever the address allows, every page opens on it and the switchboard answers: values in pairs."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from core import PRESETS, Scene
from core.interventions import EVERY_PART
from core.kinds import Whole
from core.scene.fields import INSIDE, OVERRIDES, STEPS
from core.scene.scene import ADDRESS
from pictures import loss_choice, switch_effects
from pictures.lessons import expanded
from pictures.pages import PAGES
from pictures.words import words_of
from tests.support import open_page
from ui.state import SCENE

SHOWING = [name for name in PAGES if PAGES[name].model]  # the Scene's model
OPENED = 5  # addresses a page
BOARD = 4  # every such one has its switchboard open, and then all put back

# "" leaves the field out. What needs the address to be short has two values; each is met with every other's.
COMPUTED = {
    "model": tuple(PRESETS),
    **{name: ("", *kind.right.split(", ")) for name, kind in OVERRIDES.kinds.items() if not isinstance(kind, Whole)},
    "d_model": ("", "8", "16"),
    "n_heads": ("", "1", "4"),
    "n_layers": ("", "1", "3"),
    "d_mlp": ("", "0", "8"),
    "off": ("", *EVERY_PART, "mask,norm,softmax"),
    "split": ("", "characters"),
    "sentence": ("", "a", "a a a", "o gato viu o rato"),
    "temperature": ("", "0.05", "20"),
    "ablated": ("", "0.0"),
    "cut": ("", "0.0.1.0"),
    "patch": ("", "blocks.0.attn.z:0.1"),
    "patch_source": ("", "a b a", "o rato viu o gato"),
    "edits": ("", "0.0:9"),
    "matrices": ("", "K.0.0:2,Q.3.1:-9"),
    "seed": ("", "9999"),
}
LOOKS = {
    **dict.fromkeys(("layer", "head", "query", "key", "focus", "layers_lit", "drift_stage"), ("", "0", "64")),
    **{"threshold": ("", "0", "1"), "dimension": ("", "1", "255"), "second_norm": ("", "1"), "drift_3d": ("", "1")},
    **{"without_first": ("", "1"), "rows_renormalized": ("", "1"), "cutting": ("", "1")},
    **{
        "draw_temperature": ("", "0", "3"),
        "top_k": ("", "1", "9"),
        "top_p": ("", "0.05"),
        "draw_seed": ("", "0", "64"),
    },
    **{"max_new_tokens": ("", "1", "30"), "tokens_written": ("", "1", "30"), "forced": ("", "1.0,6.2")},
    **{"words_translated": ("", "1", "64"), "words_forced": ("", "1.0,3.2"), "beam_width": ("", "1", "8")},
    **{"attention_of": ("", "encoder", "decoder"), "cross_layer": ("", "0", "64"), "cross_head": ("", "0", "64")},
    **{"target": ("", "zzz a"), "lang": ("en", "pt-BR"), "compared_step": ("", *STEPS)},
    **{"compared_array": ("", *INSIDE), "pin": ("", "1"), "pin.model": ("", "gpt", "stories")},
    **{"pin.sentence": ("", "a b c"), "pin.off": ("", "norm"), "pin.n_heads": ("", "2")},
    **{"task": ("", "repeat"), "train_size": ("", "small"), "learning_rate": ("", "0.01"), "batch_size": ("", "8")},
    **{"train_seed": ("", "7"), "train_step": ("", "3"), "train_played": ("", "1"), "train_attempt": ("", "2")},
    **{"corpus": ("", "text-0123456789ab"), "train_pace": ("", "slow"), "train_overlay": ("", "0")},
    **{"check_parameter": ("", "embed.W_E", "of.nobody"), "check_row": ("", "9"), "check_column": ("", "31999")},
    **{"loss_position": ("", "0", "64"), "loss_token": ("", "9")},
    **{"other_sentence": ("", "a b"), "cause_word": ("", "3"), "cause_rival": ("", "9"), "cause_break": ("", "1")},
    **{"check_nudge": ("", "0.1"), "check_bug": ("", "1")},
    **{"explained": ("", "embed:0.0")},
    **{"check": ("", "rows-sum-to-one", "score-of-zero"), "lesson": ("", "the-mask"), "lesson_step": ("", "2")},
    **{"projector": ("", "0", "3"), "challenge": ("", "the-first", "cut-one")},
}


def rows(values: dict[str, tuple[str, ...]], seed: int) -> list[dict[str, str]]:
    """Queries in which every pair of values of two fields occurs."""
    draw, found, met = random.Random(seed), [], set()
    pairs = [((a, x), (b, y)) for a, b in combinations(values, 2) for x in values[a] for y in values[b]]
    draw.shuffle(pairs)
    for pair in pairs:
        if pair not in met:
            row = {name: draw.choice(values[name]) for name in values} | dict(pair)
            met.update(combinations(row.items(), 2))
            found.append({name: value for name, value in row.items() if value})
    return found


def test_no_field_of_the_address_is_left_out():
    assert {*COMPUTED, *LOOKS} >= {text.name for text in ADDRESS.texts.values()}


def test_every_part_of_every_scene_can_be_turned_told_and_put_back():
    """On Scenes of the address, each two choices together: the switchboard's own sentence, both ways, and all back."""
    words, told = words_of("en"), 0
    for query in rows({name: values for name, values in COMPUTED.items() if name != "seed"}, 1):
        scene, _ = Scene.from_query(query)
        assert Scene.from_query(scene.to_query()) == (scene, ()), query
        for part in switch_effects.offered(scene):
            turned = scene.switch(**{part: not scene.runs(part)})
            assert turned.runs(part) is not scene.runs(part), (query, part)
            told += 1
        for part in switch_effects.changed(scene):
            assert switch_effects.happened(scene, part, words), (query, part)
        restored = scene.restored()
        assert not restored.missing and not restored.ablated and restored.temperature == 1, query
    assert told > 500


@pytest.mark.parametrize("name", SHOWING)
def test_every_page_opens_on_what_the_address_allows(name):
    """Of the Scenes in which the pairs occur a few for each page: the page does not matter to most of them."""
    opened = [computed | look for computed, look in zip(rows(COMPUTED, 3), rows(LOOKS, 2), strict=False)]
    for number, query in enumerate(opened[SHOWING.index(name) :: len(SHOWING)][:OPENED]):
        at = open_page(name, query, switches=number % BOARD == 0)
        assert not at.exception, (query, at.exception[0].message)
        wanted, _ = Scene.from_query(expanded(query))
        if name == "backward" and not loss_choice.chooses_right(wanted):
            wanted = wanted.turn(loss_token=None)  # it is said that there is no place for it
        assert at.session_state[SCENE] == wanted, query
        if put_back := [button for button in at.button if button.key == "switches-restore"]:
            put_back[0].click().run()
            assert not at.exception, (query, at.exception[0].message)
            assert not at.session_state[SCENE].missing
