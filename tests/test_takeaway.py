"""What a reader takes home gives the numbers of the screen again, with NumPy alone."""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

import core
from core import PRESETS, Scene, export, limits
from core.export import lens, prune
from pictures import takeaway
from pictures.words import LANGUAGES, words_of
from tests.support import knob, open_page, random_scenes
from ui import takeaway as ui_takeaway

# Runs each script that it is given in a world of its own, and writes down the trace that it made.
CLEAN = '''
import io, os, sys, contextlib, json
import numpy as np

class Refuse:
    """Nothing is imported but NumPy and the standard library."""
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy", "_distutils_hack"}:
            raise ImportError(f"{name}: refused")

sys.meta_path.insert(0, Refuse())
for name in json.load(sys.stdin):
    world = sys.modules["__main__"].__dict__.copy() | {"__name__": "__main__"}
    os.chdir(os.path.dirname(name))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(open(name, encoding="utf-8").read(), name, "exec"), world)
    assert said.getvalue().count(": ok") >= 5, said.getvalue()
    np.savez(name + ".npz", **world["trace"])
'''
HOSTILE = ("=1+1", "<b>", '"', "\\", "$x$", "'''", "{n}", "‮", "#", "~")


def scenes() -> list[Scene]:
    presets = [Scene(model=model) for model in PRESETS]
    hostile = Scene(model="gpt", sentence=" ".join(HOSTILE)).turn(ablated=((1, 2), (3, 0)), edits=((0, 3, 2.5),))
    own = Scene.from_query({"projections": "1", "matrices": "K.1.2:3,Q.0.0:20"})[0]
    return [*presets, hostile, own, *patched_scenes(), *random_scenes(47, 12, [*PRESETS])]


def patched_scenes() -> list[Scene]:
    """With numbers chosen by hand, learned ones, and of two stacks: in the encoder, and where it is looked at."""
    penguins, pair = "Os pinguins não tem joelho", {"sentence": "o pinguim viu .", "patch_source": "a foca viu ."}
    return [
        Scene(sentence="joelho tem pinguins não Os").turn(patch=("blocks.0.attn.z", (0, 2)), patch_source=penguins),
        Scene(model="stories", patch=("blocks.1.mlp_out", ()), **pair),
        Scene(model="translator", patch=("encoder.blocks.0.resid_pre", (2,)), **pair),
        Scene(model="translator", patch=("blocks.1.cross.z", (0,)), **pair),
    ]


@cache
def run(scene: Scene) -> core.Run:
    return core.run(scene)


def executed(folder: Path, texts: list[bytes]) -> list[dict[str, np.ndarray]]:
    """The traces of these scripts, all run by one Python that has nothing but NumPy."""
    names = [str(folder / str(i) / "fibra.py") for i in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        Path(name).parent.mkdir()
        if text.startswith(b"PK"):  # its weights lie beside it
            zipfile.ZipFile(io.BytesIO(text)).extractall(Path(name).parent)
        else:
            Path(name).write_bytes(text)
    ran = subprocess.run([sys.executable, "-I", "-c", CLEAN], input=json.dumps(names), text=True, capture_output=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [dict(np.load(f"{name}.npz")) for name in names]


def test_every_script_gives_the_numbers_of_the_screen(tmp_path):
    """For every preset, hostile tokens and fifty random Scenes of them: every array of the trace."""
    given = scenes()
    words = words_of("pt-BR")
    traces = executed(tmp_path, [takeaway.script("drift", scene, words) for scene in given])
    for scene, trace in zip(given, traces, strict=True):
        expected = run(scene).trace
        assert [*trace] == [*expected], scene
        for name, array in expected.items():
            largest = np.abs(array[np.isfinite(array)]).max(initial=0)
            np.testing.assert_allclose(trace[name], array, rtol=0, atol=1e-6 * largest, err_msg=f"{name} {scene}")


def test_a_script_that_is_wrong_says_so(tmp_path):
    text = takeaway.script("drift", Scene(), words_of("en")).replace(b"np.exp(y, out=y)", b"np.exp2(y, out=y)")
    with pytest.raises(AssertionError, match="on the screen"):
        executed(tmp_path, [text])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_notebook_is_valid_and_holds_the_script(lang):
    """Its cells are the script's sections; what they say is in the reader's language."""
    words = words_of(lang)
    for model in ("penguins", "encoder_full", "translator"):
        scene = Scene(model=model)
        book = nbformat.reads(takeaway.notebook("drift", scene, words).decode(), as_version=4)
        nbformat.validate(book)
        code = "\n\n\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
        assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(takeaway.script("drift", scene, words)))
        assert words("takeaway.sections.run") in [cell.source for cell in book.cells]


def test_each_line_of_a_program_is_core_s_own():
    """What computes is no second copy: but for indentation, folded choices and calls, each line stands in core."""
    written = {
        line.strip() for path in Path(core.__file__).parent.rglob("*.py") for line in path.read_text().splitlines()
    }
    for model in ("encoder", "encoder_full", "gpt", "stories", "seq2seq"):
        made = export.program(Scene(model=model), run(Scene(model=model)))
        text = f"{made.sections['operations']}\n{made.sections['model']}"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        folded = [line for line in lines if line not in written]
        assert len(lines) > 150 and len(folded) <= 14, (model, folded)


def test_what_never_runs_is_not_there():
    gpt = export.program(Scene(model="gpt"), run(Scene(model="gpt"))).sections
    everything = "\n".join(gpt.values())
    assert "relu" in everything and "layer_norm" in everything and "causal_mask" in everything
    for gone in ("rotate", "rms_norm", "gelu", "silu", "Cache", "check_needed", "ConfigError("):
        assert f"def {gone}" not in everything and f"{gone}(" not in everything, gone


CASES = [
    ("if c.a:\n    g(1)\nelse:\n    g(2)\n", "g(1)\n"),
    ("if not c.a:\n    g(1)\nelif p:\n    g(2)\nelse:\n    g(3)\n", "if p:\n    g(2)\nelse:\n    g(3)\n"),
    ("if p:\n    g(1)\nelif c.a:\n    g(2)\nelse:\n    g(3)\n", "if p:\n    g(1)\nelse:\n    g(2)\n"),
    ("if p:\n    g(1)\nelif c.b:\n    g(2)\n", "if p:\n    g(1)\n"),
    ("if p:\n    if c.b:\n        g(1)\n", "if p:\n    pass\n"),
    ("g(p if c.b else (1, 2))\n", "g((1, 2))\n"),
    ("if p or c.a:\n    g('é')\n", "g('é')\n"),
    ("if p and c.a:\n    g(1)\n", "if p and c.a:\n    g(1)\n"),
    ("if p:\n    raise ValueError\ng(p)\n", "g(p)\n"),
    ("for q in c.none:\n    g(q)\ng(2)\n", "g(2)\n"),
    ("y = c.a\nif y:\n    g(1)\n", "g(1)\n"),
    ("y = c.a\ny = p\nif y:\n    g(1)\n", "y = c.a\ny = p\nif y:\n    g(1)\n"),
    ("if c.a:\n    return p\ng(1)\n", "return p\n"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "left"), CASES)
def test_branches_that_are_never_taken_are_left_out(body, left):
    def function(text: str) -> str:
        return "def f(c, p):\n" + "".join(f"    {line}\n" for line in text.splitlines())

    known = {"c": SimpleNamespace(a=True, b=False, none=())}
    assert prune.pruned(function(body), known, {}) == function(left)


def test_large_weights_lie_beside(tmp_path, monkeypatch):
    """A model with too many weights to be written down comes with a file of them; and computes the same."""
    scene = Scene(model="induction")
    monkeypatch.setattr(limits, "WRITTEN_WEIGHTS", 1000)
    assert takeaway.ends(scene, "py") == "zip" and takeaway.ends(Scene(model="gpt"), "py") == "py"
    with zipfile.ZipFile(io.BytesIO(takeaway.script("drift", scene, words_of("en")))) as file:
        assert file.namelist() == ["fibra.py", export.WEIGHTS_FILE]
        file.extractall(tmp_path)
    text = (tmp_path / "fibra.py").read_text().replace(export.WEIGHTS_FILE, str(tmp_path / export.WEIGHTS_FILE))
    (trace,) = executed(tmp_path, [text.encode()])
    np.testing.assert_array_equal(trace["logits"], run(scene).trace["logits"])


def test_the_table_holds_the_arrays_and_no_formula():
    scene = Scene(model="gpt", sentence=" ".join(HOSTILE), layer=1)
    for lang, mark in (("en", ","), ("pt-BR", ";")):
        text = takeaway.table("attention", scene, words_of(lang)).decode("utf-8-sig")
        head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        assert head[:6] == [words_of(lang)(f"takeaway.columns.{name}") for name in takeaway.HEADINGS]
        assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row[:6])
        pattern = [row for row in rows if row[0] == "blocks.1.attn.pattern"]
        numbers = [[float(cell.replace(",", ".")) for cell in row[6 : 6 + len(HOSTILE)]] for row in pattern]
        np.testing.assert_array_equal(np.float32(numbers).reshape(4, 10, 10), run(scene).trace["blocks.1.attn.pattern"])
        assert [row[4].removeprefix("'" if row[4][1:2] in "=+-@" else "") for row in pattern[:10]] == [*scene.tokens]
        assert {row[1] for row in rows} == {"1"} and {row[2] for row in pattern} == {*"0123"}


def test_the_archive_holds_the_whole_trace_and_opens_without_pickle():
    scene = Scene(model="stories")
    with np.load(io.BytesIO(takeaway.trace("drift", scene)), allow_pickle=False) as file:
        assert {*file} == {*run(scene).trace, "tokens", "ids"}
        assert tuple(file["tokens"]) == scene.tokens
        np.testing.assert_array_equal(file["logits"], run(scene).trace["logits"])


def test_a_page_offers_its_files_and_makes_none_unasked(monkeypatch):
    """The fold shut, there is no button; open, a button a file, made of the Scene that stands there then."""
    monkeypatch.setattr(takeaway.export, "program", lambda *_: pytest.fail("made unasked"))
    at = open_page("drift", {"model": "gpt"})
    assert not at.exception and not at.get("download_button")
    at.session_state["takeaway"] = True
    at.run()
    assert not at.exception
    files = ("csv", "npz", "notebook", "script", "lens", "moodle", "gift", "worksheet")
    assert [each.proto.label for each in at.get("download_button")] == [
        words_of("en")(f"takeaway.files.{name}") for name in files
    ]
    assert at.session_state["fibra.now"].scene == at.session_state["fibra.scene"]
    knob(at.text_input, "knob-sentence").set_value("um gato").run()
    assert at.session_state["fibra.now"].scene.text == "um gato"


def test_questions_that_would_lead_to_this_computer_alone_are_said_to(monkeypatch):
    for home, said in (("http://localhost:8501", True), ("https://x.org", False)):
        monkeypatch.setattr(ui_takeaway, "home", lambda page, home=home: home)
        at = open_page("drift", {"lang": "pt-BR"}, takeaway=True)
        assert (words_of("pt-BR")("share.here_only") in [each.value for each in at.markdown]) == said


@pytest.mark.parametrize("home, coded", [("http://localhost:8501", False), ("https://x.org", True), ("", False)])
def test_a_code_on_paper_leads_where_a_phone_gets_to(home, coded):
    html = ui_takeaway.paper("drift", Scene(), words_of("en"), 1, home).decode()
    assert ("<svg" in html) == coded and (f"{home}/drift?" in html) == bool(home)


@pytest.mark.parametrize("page", ["generate", "backward", "cause"])
def test_files_are_of_the_model_that_the_page_shows(page):
    """The penguins give no logits: another model stands in on these pages."""
    made = ui_takeaway._made(lambda scene, _: takeaway.trace(page, scene), page, SimpleNamespace(scene=Scene()), None)
    with np.load(io.BytesIO(made)) as file:
        assert "logits" in file.files


# -------------------------------------------------------------------------------------------------- TransformerLens

LENSED = [  # its layer 1 in other words; every script of these ran with TransformerLens 2.18 itself
    {"model": "gpt", "ablated": "1.2", "off": "W_O", "temperature": "0.5"},
    {"model": "induction"},
    {"model": "alice", "sentence": "alice was"},
    {"model": "gpt", "positions": "none", "norm": "rms", "n_kv_heads": "2"},
    {"model": "encoder", "residual": "1"},
]
REFUSED = {
    "stacks": {"model": "translator"},
    "projections": {},
    "residual": {"model": "gpt", "off": "residual"},
    "post": {"model": "encoder_full"},
    "softmax": {"model": "gpt", "off": "softmax"},
    "cut": {"model": "gpt", "cut": "0.0.1.0"},
    "other": {"model": "gpt", "gated": "1"},
}


def of_lens(query: dict[str, str]) -> tuple[core.Run, SimpleNamespace, dict[str, np.ndarray], str]:
    """A Scene's run; and what its script gives TransformerLens, which a stub takes: the config and the weights."""
    scene, notices = Scene.from_query(query)
    assert not notices
    with zipfile.ZipFile(io.BytesIO(takeaway.lens(scene, words_of("en")))) as file:
        script = file.read("fibra_transformer_lens.py").decode()
        weights = io.BytesIO(file.read(export.LENS_FILE))
    state: dict[str, np.ndarray] = {}
    model = SimpleNamespace(load_state_dict=lambda given, strict: (state.update(given), []))
    world = {
        "np": SimpleNamespace(stack=np.stack, split=np.split, repeat=np.repeat, load=lambda _: np.load(weights)),
        "torch": SimpleNamespace(tensor=lambda array: array),
        "HookedTransformer": lambda cfg: model,
        "HookedTransformerConfig": SimpleNamespace,
    }
    wanted = script[script.index("cfg = ") : script.index("tokens = ")]
    exec(wanted, world)
    return run(scene), world["cfg"], state, script


@pytest.mark.parametrize("query", LENSED, ids=lambda query: query["model"])
def test_transformer_lens_is_given_the_weights_as_it_has_them(query):
    """By its own definitions, from what went into each step: queries, keys, values, scores, outputs and logits."""
    here, cfg, state, script = of_lens(query)
    ast.parse(script)
    trace, at, scene = here.trace, "blocks.1.", here.scene
    np.testing.assert_allclose(state["embed.W_E"][here.encoding.ids], trace["embed"], rtol=0, atol=1e-6)
    if cfg.positional_embedding_type == "standard":
        rows = state["pos_embed.W_pos"][: len(here.tokens)]
        np.testing.assert_allclose(trace["embed"] + rows, trace["blocks.0.resid_pre"], rtol=1e-5, atol=1e-6)
    x = trace[f"{at}ln1.out"] if cfg.normalization_type else trace[f"{at}resid_pre"]
    vectors = {}
    for name in "QKV":
        W, b = (state.get(f"{at}attn.{kind}_{name}") for kind in "Wb")
        assert W.shape == (cfg.n_heads, cfg.d_model, cfg.d_head)
        vectors[name] = np.einsum("pd,hde->hpe", x, W) + (0 if b is None else b[:, None])
        own = trace[f"{at}attn.{name.lower()}"]
        own = np.repeat(own, cfg.n_heads // len(own), axis=0)
        np.testing.assert_allclose(vectors[name], own, rtol=1e-4, atol=1e-4 * np.abs(own).max())
    if cfg.positional_embedding_type == "standard":
        scores = vectors["Q"] @ vectors["K"].swapaxes(-1, -2) / cfg.attn_scale
        seen = np.tril(np.ones(scores.shape[-2:], bool)) if cfg.attention_dir == "causal" else np.ones(1, bool)
        e = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True)), 0)
        np.testing.assert_allclose(e / e.sum(-1, keepdims=True), trace[f"{at}attn.pattern"], rtol=0, atol=1e-4)
    out = np.einsum("hpe,hed->pd", trace[f"{at}attn.z"], state[f"{at}attn.W_O"]) + state.get(f"{at}attn.b_O", 0)
    np.testing.assert_allclose(out, trace[f"{at}attn_out"], rtol=1e-4, atol=1e-4 * np.abs(out).max())
    if "logits" in trace:
        logits = trace["ln_final.out" if cfg.normalization_type else f"blocks.{cfg.n_layers - 1}.resid_post"]
        np.testing.assert_allclose(logits @ state["unembed.W_U"], trace["logits"], rtol=1e-3, atol=1e-4)
    assert ("hook_z" in script) == bool(scene.ablated)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_transformer_lens_cannot_be_is_said_and_not_written(lang):
    words = words_of(lang)
    for reason, query in REFUSED.items():
        scene = Scene.from_query(query)[0]
        assert export.refused(scene) == reason
        assert words(f"takeaway.lens_refused.{reason}") in takeaway.lens_refused(scene, words)
    assert takeaway.lens_refused(Scene(model="stories"), words) == ""


def test_a_choice_that_transformer_lens_has_no_name_for_is_refused(monkeypatch):
    scene = Scene(model="gpt").override(activation="silu")
    assert export.refused(scene) == ""
    monkeypatch.delitem(lens.ACTIVATIONS, "silu")
    assert export.refused(scene) == "other" and export.refused(scene.override(d_mlp=0)) == ""
    monkeypatch.delitem(lens.KINDS, "layer")
    assert export.refused(Scene(model="gpt")) == "other"


def test_a_field_of_the_config_that_transformer_lens_is_not_told_of_is_refused(monkeypatch):
    """A new one is not left out of the program in silence; here `causal` stands for it."""
    monkeypatch.setattr(lens, "SAID", lens.SAID - {"causal"})
    assert export.refused(Scene(model="gpt")) == "other" and export.refused(Scene(model="gpt").switch(mask=False)) == ""
