"""The code that a page shows is whole: nothing that it computes with hides in a function that is not shown."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import core
from core import PRESETS, Config, interpret
from core.challenges import CHALLENGES, score
from core.challenges.challenge import cut_stars
from core.checks import belief_answers, distance, values
from core.generate.loop import multiplications
from core.interpret.induction import patterns
from core.scene.translation import search, translate
from core.tasks import TASKS
from core.trace import Part
from core.train.gradcheck import gradcheck_all, next_token
from core.train.loop import Recipe, State, train
from core.weights.card import fingerprint
from core.weights.finite import unwhole
from pictures.pages import PAGES
from pictures.words import LANGUAGES
from tests.support import GOLDEN, open_page, random_params
from ui import source

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
# What a shown function may call unseen: checks of arguments, and what a class writes for itself.
CHECKS = {
    "Reader.value",  # the expression of a check: a language of its own, not what a model computes
    "Interventions.ablated_in",
    "Interventions.cut_in",
    "Interventions.put_in",
    "Trace.check_patched",
    "Part.put",  # the trace's own, under a beginning of its names
    "scene.run.run",  # who draws a Run's weights again when they are asked for
    "_check_heads",
    "_check_stream",
    "_check_sum",
    "Preset.params",  # a model's weights, read or drawn
    "FixedVocabulary.encode",  # a protocol's: which tokenizer it is, the Scene says
    "FileTokenizer.encode",
    "OpenVocabulary.encode",
    "SourceVocabulary.encode",
    "Trace.first",
    "Trace.needs",
    "Patch.into",  # of what a reader patches; Cause shows it
    "Cache.check",
    "_checked",
    "_check_unembed",
    "checked_ids",
    "checked_embeddings",
    "checked_mask",
    "check_source",
    "checked_source",
    "check_batch",
    "check_model",
    "check_needed",
    "check_params",
    "check_trace",
    "checked_names",
    "_checked_names",
}
CONFIGS = (
    Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=2, n_heads=2, d_mlp=8, causal=True, positions="sinusoidal",
           norm="layer", final_norm=True, unembed=True, tied_unembed=True, qkv_bias=True, mlp_bias=True),
    Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=2, n_heads=4, n_kv_heads=2, d_mlp=8, positions="rotary",
           causal=True, norm="rms", gated=True, activation="silu", unembed=True),
    Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=1, n_heads=2, d_mlp=8, positions="learned", norm="layer",
           norm_at="post", embed_norm=True, activation="gelu", causal=True, unembed=True),
    Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=1, n_heads=2, d_mlp=8, positions="learned", norm="layer",
           embed_norm=True, final_norm=True, causal=True, unembed=True, n_encoder_layers=1, cross=True),
    Config(vocab_size=20, n_ctx=8, d_model=8, n_layers=1, n_heads=2, d_mlp=8, positions="rotary", gated=True,
           causal=True, unembed=True, n_encoder_layers=1, cross=True),
)  # fmt: skip


def shown(page: str) -> tuple[list, list]:
    """What a page shows of code: the functions that ran, and the plain lines before them."""
    module = ast.parse((ROOT / "pages" / f"{page}.py").read_text("utf-8"))
    names: dict = {}
    for part in module.body:
        if isinstance(part, (ast.Import, ast.ImportFrom)) or (
            isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "SHOWN"
        ):
            exec(compile(ast.Module([part], []), page, "exec"), names)
    (call,) = (
        part for part in ast.walk(module) if isinstance(part, ast.Call) and ast.unparse(part.func) == "shell.Page"
    )
    found = {part.arg: part.value for part in call.keywords if part.arg == "plain"}
    names["got"] = lambda code, plain=(): (list(code), list(plain))
    return eval(f"got({', '.join(map(ast.unparse, (call.args[2], *found.values())))})", names)


def work() -> None:
    """Everything that the pages show, on small models of all kinds."""
    for config in (one for one in CONFIGS if not one.n_encoder_layers):
        params, ids = random_params(config, 0), np.array([1, 2, 3, 1, 2, 3])
        trace = core.forward(params, config, ids)
        a = patterns(trace, config.n_layers)
        interpret.entropy(a), interpret.attention_distance(a), interpret.rollout(a)
        scores = interpret.head_scores(a, ids.tolist())
        interpret.habits(np.stack([interpret.sentence_scores(a, ids.tolist())]))
        interpret.head_label({name: float(score.flat[0]) for name, score in scores.items()})
        interpret.head_effects(params, config, trace), interpret.key_effects(params, config, trace, 0, 0, 3)
        interpret.value_weighted(params, config, trace, 0), interpret.probe_induction(params, config)
        if config.unembed:
            interpret.patched_differences(params, config, trace, trace, (0, 1), "stream", 0)
            interpret.patched_differences(params, config, trace, trace, (0, 1), "heads", 0)
            interpret.word_influence(params, config, trace, trace["embed"], 1)
            interpret.difference(trace, (0, 1))
            interpret.prediction_effects(params, config, trace)
        if config.unembed and config.norm_at == "pre" and not config.n_encoder_layers:
            (
                interpret.direct_attribution(trace, params, config, 1),
                interpret.source_attribution(trace, params, config, 1),
                interpret.sentence_vectors(params, config, [ids, ids[:3]]),
            )
        stages = interpret.residual_stages(trace, config.n_layers)
        interpret.rank_correlation(stages[0][0], stages[-1][0])
        interpret.token_norms(stages), interpret.pca(stages[-1], 2).project(stages)
        interpret.drift_lengths(stages[0], stages[-1]), interpret.distances(stages[-1], stages[0])
        interpret.read_stream(stages, params, config), interpret.token_moments(stages[0])
        interpret.similarity(stages[0]), interpret.relative_change(stages[0], stages[-1])
        steps = core.generate(params, config, ids[:3], 3, temperature=0.5, top_k=9, top_p=0.9)
        [step.probability for step in steps], multiplications(config, 3, 3)
        [(check.error, check.coarse) for check in gradcheck_all(params, config, next_token(ids), ids=ids)]
    asked = core.CHECKS["rows-sum-to-one"]
    core.answer(asked), belief_answers(asked), distance(asked, 1.0, values(asked))
    for challenge in {one.kind: one for one in CHALLENGES.values()}.values():
        run = core.run(challenge.solution)
        score(challenge, run, run, [(0, 0)])
    cut_stars(True, 1, 1)  # of a cut that changes nothing it is not asked
    translation = translate(core.Scene(model="translator"))
    (
        search(translation.scene),
        interpret.alignment_score(translation.trace["blocks.0.cross.pattern"], {0: frozenset({0})}),
    )
    fingerprint(GOLDEN / "gpt2-tiny"), unwhole(params)
    task = TASKS["copy"]()
    state = State.start(core.init_params(task.config))
    list(train(state, task.config, task.batch, Recipe(steps=2, warmup=1)))


@pytest.fixture(scope="module")
def calls() -> set[tuple[str, str]]:
    """Who called whom inside core, by full names."""
    found: set[tuple[str, str]] = set()

    def name(frame) -> str:
        return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname.partition('.<locals>')[0]}"

    def watch(frame, event: str, _) -> None:
        if event == "call" and frame.f_globals.get("__name__", "").startswith("core.") and frame.f_back:
            found.add((name(frame.f_back), name(frame)))

    for module in [module for name, module in sys.modules.items() if name.startswith("core.")]:
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear"):  # what an earlier test had computed would not be seen to run
                kept.cache_clear()
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return {(caller, callee) for caller, callee in found if caller != callee}


@pytest.mark.parametrize("page", FOLDERS)
def test_nothing_that_the_shown_code_calls_is_hidden(page, calls):
    code, _ = shown(page)
    everything = [*code, *source.called(code)]
    names = {source.title(inspect.unwrap(function)) for function in everything}
    names |= {f"{source.title(kind)}.{name}" for kind in everything if inspect.isclass(kind) for name in vars(kind)}
    hidden = {callee for caller, callee in calls if caller in names and callee not in names and not allowed(callee)}
    assert not hidden
    assert code and len(names) >= len(code)


def allowed(callee: str) -> bool:
    own = callee.rpartition(".")[2]
    bookkeeping = own.startswith("__") or own.startswith("<")  # a class's own, and the body of a module
    checks = callee.startswith(("core.arguments.", "core.kinds."))  # rooms of nothing else
    return bookkeeping or checks or any(callee.endswith(f".{name}") for name in CHECKS)


@pytest.mark.parametrize("page", FOLDERS)
def test_the_call_graph_was_seen(page, calls):
    """That test sees the shown functions run: none of them is out of `work`."""
    code, _ = shown(page)
    ran = {callee for _, callee in calls}
    members = [m for kind in code if inspect.isclass(kind) for m in (f"{source.title(kind)}.{n}" for n in vars(kind))]
    plain = [source.title(inspect.unwrap(function)) for function in code if not inspect.isclass(function)]
    assert {name for name in plain if name not in ran and ".activations." not in name} == set()
    assert not members or ran & {*members}


def test_the_lessons_are_in_what_is_shown():
    for page, lines in {
        "block": ("variance = row_mean(centred * centred)", "scale = np.sqrt(variance + eps)", "x = start + x"),
        "generate": ("token = int(forced[position]) if position in forced else distribution.draw(position)",),
        "train": ("return (self.loss_above - self.loss_below) / (2 * self.step)", "loss_at(name, -step)"),
    }.items():
        code = "\n".join(map(source.text, shown(page)[0]))
        for line in lines:
            assert line in code, page
    folded = unescape(source.folded(source.called(shown("reading")[0])))
    assert "x = after_attention(" in folded and "gone = np.eye(config.n_heads" in folded


def test_plain_lines_come_first_where_there_are_some():
    assert all(function.__module__ == "core.reference" for page in FOLDERS for function in shown(page)[1])
    assert [page for page in FOLDERS if shown(page)[1]] == ["attention", "block", "start"]


# --------------------------------------------------------------------------------------- who makes which array


@pytest.mark.parametrize("name", core.NAMES)
def test_the_maker_of_an_array_puts_it_into_the_trace(name):
    maker = made_by(name)
    last = name.removeprefix("encoder.").removeprefix("blocks.{i}.")
    last = last.removeprefix("attn.").removeprefix("cross.").removeprefix("mlp.")
    if maker.__name__ == "norm":
        last = "." + last.rpartition(".")[2]
    assert f'trace.put("{last}"' in source.text(maker) or f'trace.put(at + "{last}"' in source.text(maker)


def test_nobody_else_does(monkeypatch):
    put, makers = core.Trace.put, {}

    def told(trace, name, array):
        frame = sys._getframe(1)
        if frame.f_code is Part.put.__code__:  # the encoder's part of the trace hands on what it is given
            frame = frame.f_back
        makers.setdefault(generic(name), set()).add(f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}")
        return put(trace, name, array)

    monkeypatch.setattr(core.Trace, "put", told)
    for preset in PRESETS.values():
        core.run(core.Scene(model=next(name for name, other in PRESETS.items() if other is preset)))
    for config in CONFIGS:
        source = np.array([3, 2]) if config.n_encoder_layers else None
        core.forward(random_params(config, 0), config, np.array([1, 2, 3]), source=source)
    assert makers == {name: {about.made_by} for name, about in core.NAMES.items()}


def generic(name: str) -> str:
    parts = name.split(".")
    return ".".join("{i}" if part.isdigit() else part for part in parts)


def made_by(name: str) -> Callable:
    module, _, function = core.NAMES[name].made_by.rpartition(".")
    return getattr(importlib.import_module(module), function)


def test_every_page_has_code():
    assert {*FOLDERS} == {*PAGES}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_says_which_function_makes_which_array(lang):
    app = open_page("attention", {"lang": lang})
    assert not any("core.model.attention" in part.value for part in app.markdown), "not before it is asked for"
    app.session_state["code"] = True  # the fold is opened
    app.run()
    assert not app.exception
    written = "\n".join(part.value for part in app.markdown)
    head = next(line for line in written.splitlines() if "`core.model.attention`" in line)
    assert "`attn.pattern`" in head and "`attn.scores_masked`" in head
    plain = written.index("`core.reference.attention`")
    assert (
        plain
        < written.index("def attention(x: np.ndarray, y: np.ndarray, params: Params, at: str")
        < written.index(head)
    )
    bodies = [part.proto.body for part in app.get("html")]
    folded = next(body for body in bodies if '<details class="fibra-called"' in body)
    assert folded.count("<details>") == len(source.called(shown("attention")[0]))
    assert "core.ops.rows.row_sum" in folded
