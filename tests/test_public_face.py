"""core's public face refuses what is wrong by name: a table of wrong values goes into every argument of every callable.

A wrong value may be right for some argument, as 5 is for a seed. What must not happen is an error of Python's or of
NumPy's own, or one that does not say which argument is at fault.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support import CONFIGS, golden, sourced

import core
from core import PRESETS, Batch, Config, Interventions, Recipe, Sampling, Scene, State
from core.train.gradcheck import next_token

ROOT = Path(__file__).parents[1]
CONFIG = Config(vocab_size=11, n_ctx=8, d_model=8, n_layers=2, n_heads=2, d_mlp=8, causal=True, unembed=True)
IDS = np.array([1, 2, 3, 4])
PARAMS = core.init_params(CONFIG)
TRACE = core.forward(PARAMS, CONFIG, IDS)
OTHER = core.forward(*(lambda c: (core.init_params(c), c))(CONFIG.replace(d_model=4, n_layers=1)), IDS)
LOGITS = np.array(TRACE["logits"])
MODEL = {"params": PARAMS, "config": CONFIG}
PAIRS = core.BytePair.train("aa bb aa bb", 258)
PIECES = core.WordPiece.train("aa bb aa bb", 8)


class Unseen:
    """Even its repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


WRONG: list[Any] = [
    *(None, True, False, 0, 5, -1, 10**30, -(10**400), 10**5000, 0.5, -0.5, float("nan"), float("inf"), 1j),
    *("", "x", "logits", "blocks.0.attn.pattern", "\0", "a" * 999, b"x"),
    *([], [1], ["x"], [None], [[1], [1, 2]], [[1, 2], [3, 4]], (), (1,), (1, 2, 3), ((1, 2),), ((0, 0, "x"),), ("x",)),
    *({}, {"x": 1}, {1: 2}, {"embed.W_E": 5}, {"logits": 1}, {"logits": "x"}, {5: 99}, set(), {5}, {(5, 9)}, {"x"}),
    *(np.int64(3), np.float32(2), np.array(5), np.array(["x"]), np.zeros((2, 2)), np.zeros((4, 11)), np.zeros(0)),
    *(np.zeros((1, 1, 1, 1, 1)), np.array([None]), np.full(4, 99), np.full(4, -1), np.full((4, 8), np.nan), IDS[:0]),
    *(object(), Unseen(), int, len, SimpleNamespace(), iter([1]), Config(), Scene(), Scene, Interventions(), OTHER),
    *({**PARAMS, "embed.W_E": None}, {**PARAMS, "embed.W_E": np.zeros(3)}, {**PARAMS, "new": np.zeros(3)}),
    *({name: p.astype(str) for name, p in PARAMS.items()}, Interventions(ablated={(1, 9)}), Sampling(), Recipe()),
]
BATCH = {"ids": IDS[:-1], "targets": IDS[1:], "mask": np.ones(3, bool)}


def first_step(**given: Any) -> None:
    next(iter(core.train(**given)))


CALLS: dict[str, tuple[Callable, dict[str, Any]]] = {
    "Batch": (Batch, BATCH),
    "BytePair": (core.BytePair.train, {"text": "aa aa", "vocab_size": 257}),
    "BytePair.encode": (PAIRS.encode, {"text": "aa"}),
    "BytePair.decode": (PAIRS.decode, {"ids": [97]}),
    "Cache": (core.Cache, {"config": CONFIG, "room": 4}),
    "Checkpoints": (core.Checkpoints, {"limit": 5, "every": 1, "named": None}),
    "Config": (Config, {name: getattr(CONFIG, name) for name in CONFIG.__dataclass_fields__}),
    "Config.replace": (CONFIG.replace, {"n_layers": 1}),
    "Distribution": (core.Distribution, {"logits": LOGITS[0], "sampling": Sampling()}),
    "Interventions": (
        Interventions,
        {"temperature": 2.0, "ablated": {(0, 0)}, "off": {"mask"}, "patch": {"logits": (0, 1)}},
    ),
    "OpenVocabulary": (core.OpenVocabulary, {"size": 5}),
    "OpenVocabulary.encode": (core.OpenVocabulary(5).encode, {"text": "a b"}),
    "Recipe": (Recipe, {name: getattr(Recipe(), name) for name in Recipe.__dataclass_fields__}),
    "Sampling": (Sampling, {"temperature": 1.0, "top_k": 2, "top_p": 0.5, "seed": 1}),
    "State": (State.start, {"params": PARAMS}),
    "Trace": (core.Trace, {"names": ["logits"], "ids": None, "interventions": Interventions()}),
    "WordPiece": (core.WordPiece.train, {"text": "aa aa", "vocab_size": 8, "least": 2}),
    "WordPiece.encode": (PIECES.encode, {"text": "aa"}),
    "WordPiece.decode": (PIECES.decode, {"ids": [1]}),
    "answer": (core.answer, {"check": core.CHECKS["rows-sum-to-one"], "scene": None}),
    "Scene": (Scene, {f.name: getattr(Scene(), f.name) for f in fields(Scene)}),
    "backward": (core.backward, {**MODEL, "trace": TRACE, "dlogits": LOGITS, "upstream": None, "bug": False}),
    "check_params": (core.check_params, MODEL),
    "cross_entropy": (core.cross_entropy, {"logits": LOGITS, "targets": IDS, "mask": np.ones(4, bool)}),
    "explain": (
        core.explain,
        {
            "run": SimpleNamespace(**MODEL, trace=TRACE),
            **{"name": "grad.embed", "index": (0, 0), "targets": IDS, "upstream": None},
        },
    ),
    "forward": (
        core.forward,
        {**MODEL, "ids": IDS, "embeddings": None, "interventions": Interventions(), "names": ["logits"], "cache": None},
    ),
    "beam_search": (
        lambda **given: list(core.beam_search(**given)),
        {**MODEL, "ids": IDS, "max_new_tokens": 2, "width": 2, "source": None, "stop": 0, "penalty": 0.5},
    ),
    "generate": (
        lambda **given: list(core.generate(**given)),
        {
            **MODEL,
            "ids": IDS,
            "max_new_tokens": 2,
            **{"temperature": 1.0, "top_k": 2, "top_p": 0.5, "seed": 0, "embeddings": None, "forced": {4: 1}},
            **{"stop": (), "cache": True, "interventions": Interventions(), "names": ()},
        },
    ),
    "gradcheck": (
        core.gradcheck,
        {
            **MODEL,
            "objective": next_token(IDS),
            **{"name": "blocks.0.attn.W_Q", "where": (0, 0), "step": 1e-6, "bug": False, "ids": IDS},
        },
    ),
    "init_params": (core.init_params, {"config": CONFIG, "seed": 0, "dtype": np.float32}),
    "load_pretrained": (
        core.load_pretrained,
        {"folder": "tests/golden/gpt2-tiny", "dtype": np.float32, "n_ctx": 4, "without_head": False},
    ),
    "param_shapes": (core.param_shapes, {"config": CONFIG}),
    "run": (core.run, {"scene": Scene(), "params": None, "names": None}),
    "squared_error": (core.squared_error, {"logits": LOGITS, "targets": IDS, "mask": np.ones(4, bool)}),
    "train": (
        first_step,
        {
            "state": State.start(PARAMS),
            "config": CONFIG,
            "batches": lambda _: Batch(**BATCH),
            "recipe": Recipe(steps=9),
        },
    ),
    "write": (core.write, {"scene": Scene(model="gpt", max_new_tokens=1), "params": None, "cache": None}),
}
# What core gives back, and nobody else makes; and the errors.
GIVEN = {"Beam", "BeamStep", "Encoding", "Explanation", "Notice", "Params", "Preset", "Pretrained", "Run", "Writing"}
CASES = [(call, argument) for call, (_, valid) in CALLS.items() for argument in valid]


def test_every_callable_of_the_public_face_is_here():
    public = {name for name in core.__all__ if callable(getattr(core, name))}
    errors = {n for n in public if isinstance(getattr(core, n), type) and issubclass(getattr(core, n), Exception)}
    assert public - errors - GIVEN <= {*CALLS}
    for call, valid in CALLS.values():
        call(**valid)  # or what is refused below may be refused for another reason


def fresh(value: Any) -> Any:
    return iter([1]) if isinstance(value, Iterator) else value


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[".".join(case) for case in CASES])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_value_is_a_fibra_error_that_names_it(name, argument):
    call, valid = CALLS[name]
    refused = 0
    for value in WRONG:
        if argument in ("batches", "objective") and callable(value):
            continue  # what a function of the caller's own raises is its own
        try:
            call(**{**valid, argument: fresh(value)})
        except core.FibraError as error:
            refused += 1
            assert len(str(error)) < 500 and str(error).isprintable(), error
            assert isinstance(error, core.WeightsError) or getattr(error, "field", "") or error.fields
        except Exception as error:
            kind = type(value).__name__
            pytest.fail(f"{name}({argument}={kind}): {type(error).__name__}: {error}")
    assert refused >= len(WRONG) / 3


BOTH = (lambda c: (core.init_params(c), c))(PRESETS["seq2seq"].config)
FOREIGN = SimpleNamespace(shape=PARAMS["embed.W_E"].shape, dtype="float32")  # as PyTorch's, whose dtypes are its own
SMALL = partial(core.forward, PARAMS, CONFIG, IDS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: core.init_params("x"), "config: 'x' is not a Config"),
        (lambda: core.init_params(CONFIG, seed=-1), "seed: -1 is not a whole number of 0 or more"),
        (lambda: core.forward({}, CONFIG, IDS), "params: embed.W_E of shape (11, 8) is missing"),
        (
            lambda: SMALL(names=["blocks.0.attn.patern"]),
            "names: 'blocks.0.attn.patern' is not in a trace of 2 layers; near it: blocks.0.attn.pattern",
        ),
        (lambda: SMALL(names=["blocks.*.attn.patern"]), "near it: blocks."),
        (lambda: SMALL(names=["blocks.2.resid_post"]), "names: 'blocks.2.resid_post' is not in a trace of 2 layers"),
        (lambda: SMALL(names="logits"), "names: 'logits' is not several names of a trace: a list, a tuple or a set"),
        (lambda: SMALL(interventions=Interventions(ablated={(5, 9)})), "ablated: head 5.9 is outside 2 x 2"),
        (lambda: Interventions(ablated={(5,)}), "ablated: (5,) is not a head, (layer, head)"),
        (lambda: Interventions(off="mask"), "off: 'mask' is not several parts: a list, a tuple or a set"),
        (lambda: Sampling(temperature="x"), "temperature: 'x' is not a finite number of 0 or more"),
        (lambda: Recipe(rate="x"), "rate: 'x' is not a number in 0..inf"),
        (lambda: core.load_pretrained(5), "folder: 5 is not a str or PathLike"),
        (
            lambda: core.backward(PARAMS, CONFIG, OTHER, LOGITS),
            "trace: its blocks.0.attn.v (2, 4, 2) is of a model of",
        ),
        (lambda: core.generate(PARAMS, CONFIG, IDS, 2, names=["logit"]), "names: 'logit' is not in a trace"),
        (lambda: core.train(State.start({}), CONFIG, Batch, Recipe()), "params: embed.W_E of shape (11, 8)"),
        (
            lambda: core.train(State(0, PARAMS, PARAMS, {}), CONFIG, Batch, Recipe()),
            "square: must hold an array for each",
        ),
        (lambda: core.train(State("x", PARAMS, PARAMS, PARAMS), CONFIG, Batch, Recipe()), "step: 'x' is not a whole"),
        (lambda: Batch(np.array(1), np.array(2)), "ids: shape () is not [..., pos]"),
        (lambda: core.beam_search({}, CONFIG, IDS), "params: embed.W_E of shape (11, 8) is missing"),
        (lambda: core.beam_search(*BOTH, IDS, source=IDS[None]), "source: one sequence at a time, of shape [pos], not"),
        (lambda: core.generate(*BOTH, IDS, source=IDS[None]), "source: one sequence at a time, of shape [pos], not"),
        (
            lambda: core.forward({**PARAMS, "embed.W_E": FOREIGN}, CONFIG, IDS),
            "params: embed.W_E has dtype 'float32'; it",
        ),
        (lambda: core.run(Scene(), names=["embd"]), "names: 'embd' is not in a trace of 1 layers; near it: embed"),
    ],
)
def test_what_would_be_right_is_said(call, message):
    with pytest.raises(core.FibraError) as error:
        call()
    assert message in str(error.value)


@pytest.mark.parametrize("given", [{}, {"source": IDS[None, :0]}])
def test_training_on_no_source_is_refused_by_name(given):
    params, config = BOTH
    batch = Batch(IDS[None], IDS[None], **given)
    with pytest.raises(core.ConfigError, match=r"^source: "):
        first_step(state=State.start(params), config=config, batches=lambda _: batch, recipe=Recipe())


def test_what_is_no_name_is_not_in_a_trace():
    assert TRACE.get(0) is None and 0 not in TRACE
    with pytest.raises(KeyError, match="0: this trace has no such array"):
        TRACE[0]


# ------------------------------------------------------------------------------------- a trace never changes afterwards


MODELS = {name: (preset.config, preset.params(preset.config, 0)) for name, preset in PRESETS.items()}
MODELS |= {name: golden(name) for name in CONFIGS}
MODELS |= {"all else": (CONFIG.replace(positions="rotary", norm="rms", norm_at="post", unembed_bias=True), None)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("given", ["ids", "embeddings"])
def test_a_trace_never_changes_after_it_was_made(name, given):
    config, params = MODELS[name]
    params = {key: np.array(p) for key, p in (params or core.init_params(config)).items()}
    ids = np.array([0, 1, 2, 1])
    embeddings = np.array(params["embed.W_E"][ids])
    before = params["embed.W_E"].dtype
    for off in ((), ("W_V", "W_O", "softmax")):
        change = Interventions(off=frozenset(off))
        what = {"ids": ids} if given == "ids" else {"embeddings": embeddings}
        what |= sourced(config, 3)
        trace = core.forward(params, config, **what, interventions=change)
        kept = {key: np.array(array) for key, array in trace.items()}
        for array in (*params.values(), ids, embeddings):
            assert not any(np.shares_memory(array, one) for one in trace.values())
            array += 1
        assert all(np.array_equal(kept[key], trace[key]) for key in kept)
        assert trace["embed"].dtype == before and (trace.ids is None or trace.ids.tolist() == [0, 1, 2, 1])
        for array in (*params.values(), ids, embeddings):
            array -= 1


def test_an_intervention_never_changes_after_it_was_made():
    ablated, off = {(0, 0)}, {"mask"}
    change = Interventions(ablated=ablated, off=off)
    ablated.add((1, 1))
    off.add("scale")
    assert change == Interventions(ablated={(0, 0)}, off={"mask"}) and hash(change)


# ------------------------------------------------------------------------------------------------ what an import brings


def python(*lines: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_scene_brings_no_training_and_no_grammar():
    brought = python(
        "from core.scene import Scene",
        "import sys",
        "Scene(model='gpt', sentence='a b').override(n_heads=2).pin().to_query()",
        "print(*(name for name in sys.modules if name.startswith('core.')))",
    ).split()
    rooms = {name.split(".")[1] for name in brought}
    assert not rooms & {"train", "tasks", "generate", "interpret", "weights", "backward", "model"}, rooms
    assert "core.scene.scene" in brought


@pytest.mark.parametrize(
    "lines",
    [
        ["import core"],
        ["import core.generate.loop, core.train.loop", "import core"],
        ["import core", "core.generate", "import core.generate.cache, core.train.batch"],
        [
            "from core.scene import Scene",
            "from core.tasks import TASKS",
            "import core.generate, core.train",
            "import core",
        ],
        ["from core import generate", "import core.train", "import core.scene.run", "import core"],
        ["import core.interpret, core.weights, core.scene.continuation", "import core"],
    ],
    ids=str,
)
def test_functions_bear_their_names_whatever_was_imported_first(lines):
    names = "core.generate, core.train, core.run, core.write, core.backward"
    told = "print(*(f'{f.__module__}.{f.__qualname__}' for f in (" + names + ")), type(core.reference).__name__)"
    assert python(*lines, told).split() == [
        "core.generate.loop.generate",
        "core.train.loop.train",
        "core.scene.run.run",
        "core.scene.continuation.write",
        "core.backward.backward",
        "module",
    ]


def test_the_face_is_the_same_to_tools_as_to_python():
    """What type checkers see is what an attribute gives, and both are what `__all__` promises."""
    (block,) = [node for node in ast.parse(Path(core.__file__).read_text()).body if isinstance(node, ast.If)]
    seen = {(name.name, f".{line.module}") for line in block.body for name in line.names if line.module}
    assert seen == {*core._MODULES.items()}
    assert {name for name, _ in seen} | {"reference"} == {*core.__all__} <= {*dir(core)}
    with pytest.raises(AttributeError, match="module 'core' has no attribute 'nothing'"):
        core.nothing  # noqa: B018
