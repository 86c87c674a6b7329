"""A Scene as a program that needs NumPy alone: core's own source for what it runs, its numbers, and a check of them.

The program is a few sections of code, each of which a notebook shows in a cell of its own.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, fields
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import limits
from ..config import ENCODER, Config, param_shapes
from ..interventions import Interventions
from ..model import forward
from ..params import Params, init_params
from ..scene.continuation import namer
from ..scene.run import Run, embed_tokens
from ..scene.scene import Scene
from .assemble import Assembly
from .prune import Either

WEIGHTS_FILE = "fibra-weights.npy"  # beside a program whose weights are too many to be written into it
WIDTH = 100  # characters of a line
FEW = 16  # numbers of a row of features that are compared
FUTURE = "from __future__ import annotations\n"
TRACE = '''class Trace(dict):
    """Every step of a forward pass under its name, in the order of the computation."""

    def __init__(self, names, ids, interventions):
        self.interventions, self.mask, self.source_mask = interventions, None, None

    def put(self, name, array):
{patch}        self[name] = array
        return array

    def needs(self, name):
        return True  # every one is kept
'''
PATCHED = """        if name in PATCH:  # another run's numbers in the place of this one's
            array = array.copy()
            array[PATCH[name][0]] = PATCH[name][1]
"""
PART = '''

class Part(Trace):
    """What an encoder puts into the trace of the whole, under names that begin alike."""

    def __init__(self, whole, prefix, ids, interventions):
        super().__init__((), ids, interventions)
        self.whole, self.prefix = whole, prefix

    def put(self, name, array):
        return self.whole.put(self.prefix + name, array)
'''
DRAWN = "params = init_params(config, seed={seed})\n"
WRITTEN = """for matrix, row, column, value in {numbers!r}:  # the reader's own
    params[f"blocks.0.attn.W_{{matrix}}"][row, column] = value
"""
LEARNED = """sizes = {{name: int(np.prod(shape)) for name, shape in param_shapes(config).items()}}
parts = np.split(numbers.astype(np.float32), np.cumsum([*sizes.values()])[:-1])
params = {{name: part.reshape(shape) for part, (name, shape) in zip(parts, param_shapes(config).items())}}
"""
INSIDE = '''NUMBERS = """
{text}
"""
numbers = np.frombuffer(decompress(b64decode(NUMBERS)), "{dtype}")
'''
BESIDE = 'numbers = np.load("{file}")  # the file that came with this one\n'
GIVEN, GIVEN_BOTH = "embeddings=embeddings", "target, source=source"
OTHER = """other_scene = {scene}
other = embed_tokens(other_scene, SimpleNamespace(ids=np.array({ids!r}), tokens={tokens!r}), params)
"""
OTHER_BOTH = """other = np.array({ids!r})  # the other sentence
"""
OTHER_RUN = """there = forward(params, config, {given}, interventions=interventions)["{name}"]
PATCH["{name}"] = {place!r}, there[{place!r}]
"""
RUN = """trace = forward(params, config, {given}, interventions=interventions)
for name, array in trace.items():
    print(f"{{name:32}} {{array.shape}}")
"""
CHECK = """TOLERANCE = 1e-6  # of the largest number in a row
for name, place, numbers in SCREEN:
    screen = np.array(numbers)
    largest = np.abs(screen[np.isfinite(screen)]).max(initial=0)
    here = trace[name][place][: len(screen)]
    same = np.allclose(here, screen, rtol=0, atol=TOLERANCE * largest, equal_nan=True)
    assert same, f"{name}{[*place]}: {here} here, {screen} on the screen"
    print(f"{name}{[*place]}: ok")
"""
PLOT = """try:
    import matplotlib.pyplot as plt
except ImportError:
    plt = None
if plt:
    plt.rcParams["text.parse_math"] = False  # a "$" in a token is a "$"
    patterns = trace["{name}"]  # [head, query, key]
    columns = min(4, len(patterns))
    figure, axes = plt.subplots(-(-len(patterns) // columns), columns, squeeze=False, layout="constrained")
    for head, axis in enumerate(axes.flat):
        if head >= len(patterns):
            axis.remove()
            continue
        axis.imshow(patterns[head], vmin=0, vmax=1, cmap="Purples")
        axis.set_xticks(range(len({columns})), {columns}, rotation=90)
        axis.set_yticks(range(len({rows})), {rows})
        axis.set(title=f"{layer}.{{head}}", xlabel="key", ylabel="query")
    plt.show()
"""


@dataclass(frozen=True)
class Program:
    """The sections of a program by name, in order; and the bytes of WEIGHTS_FILE where it reads one."""

    sections: dict[str, str]
    weights: bytes | None = None


def program(scene: Scene, run: Run) -> Program:
    """The program that computes the trace of `run` anew, which is the Scene's, and compares what is looked at."""
    config, change, trained = scene.config, scene.interventions, scene.preset.trained
    two = bool(config.n_encoder_layers)
    parts = Assembly(_known_of_both(scene) if two else _known(scene), given=("Trace", "Part"))
    parts.add(Config, Interventions, forward, param_shapes if trained else init_params)
    if not two:
        parts.add(embed_tokens)
    numbers, beside = _learned(run.params, config) if trained else (_drawn(scene), None)
    own = ("config", "interventions", "params", "model", "scene.run")
    operations = parts.text(*(module for module in parts.modules() if module not in own))
    needs = {"from types import SimpleNamespace", *parts.imports()}
    if trained and beside is None:
        needs |= {"from base64 import b64decode", "from zlib import decompress"}
    trace = TRACE.format(patch=PATCHED if scene.patch else "") + (PART if two else "")
    sections = {
        "setup": FUTURE + "\n" + _imports(needs) + "\n\n" + ("PATCH = {}\n\n\n" if scene.patch else "") + trace,
        "config": parts.text("config", "interventions") + "\n\n" + _called("config", config),
        "weights": "\n\n".join(filter(None, (parts.text("params"), numbers))),
        "operations": operations,
        "model": parts.text("model"),
        **({"sentences": _both_sentences(run)} if two else {"sentence": _sentence(scene, parts)}),
        "run": _called("interventions", change) + _other(scene, run) + RUN.format(given=GIVEN_BOTH if two else GIVEN),
        "check": screen(scene, run) + CHECK,
        "plot": PLOT.format(**_plotted(scene)),
    }
    return Program(sections, beside)


def _known(scene: Scene) -> dict[str, Any]:
    """What names are known to be while a model of one stack runs on embeddings."""
    change = scene.interventions
    known = {"config": scene.config, "interventions": change, "change": change, "scene": scene, "embeddings": ()}
    return known | {"trace": SimpleNamespace(interventions=change), **dict.fromkeys(("cache", "ids", "names"))}


def _known_of_both(scene: Scene) -> dict[str, Any]:
    """What they are known to be while two stacks run, each by the same functions, on ids."""
    config, change = scene.config, scene.interventions
    each = (change, change.of_encoder())
    known = {"config": Either((config, config.encoder)), "interventions": change, "scene": scene}
    known |= {"change": Either(each), "trace": Either(tuple(SimpleNamespace(interventions=one) for one in each))}
    return known | dict.fromkeys(("cache", "names", "embeddings", "source_embeddings"))


def _imports(lines: set[str]) -> str:
    """Import lines, NumPy's last, those from one module as one."""
    names: dict[str, list[str]] = {}
    for module, name in (line.removeprefix("from ").split(" import ") for line in sorted(lines) if " import " in line):
        names.setdefault(module, []).append(name)
    straight = sorted((line for line in lines if line.startswith("import ")), key=lambda line: ("numpy" in line, line))
    return "\n".join((*(f"from {module} import {', '.join(of)}" for module, of in names.items()), *straight)) + "\n"


def _called(name: str, value: Any) -> str:
    """`name = Class(...)`, with the fields that are not as they usually are."""
    usual = type(value)()
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return called(name, type(value).__name__, {of: one for of, one in given.items() if one != getattr(usual, of)})


def called(name: str, kind: str, given: Mapping[str, Any]) -> str:
    """`name = kind(...)`, with what is given."""
    said = [f"{field}={_literal(one)}" for field, one in given.items()]
    line = f"{name} = {kind}({', '.join(said)})\n"
    return line if len(line) <= WIDTH else f"{name} = {kind}(\n" + "".join(f"    {part},\n" for part in said) + ")\n"


def _literal(value: Any) -> str:
    if isinstance(value, frozenset):
        return f"frozenset({{{', '.join(map(repr, sorted(value)))}}})"
    return repr(value)


def _sentence(scene: Scene, parts: Assembly) -> str:
    """The tokens, and what was chosen or edited by hand of their embeddings."""
    tokens, hand = scene.tokens, _by_hand(scene)
    lines = [
        f"tokens = {tokens!r}",
        f"ids = np.array({scene.encoding.ids.tolist()!r})",
        f"scene = {hand}  # numbers chosen by hand",
        "embeddings = embed_tokens(scene, SimpleNamespace(ids=ids, tokens=tokens), params)",
    ]
    return parts.text("scene.run") + "\n\n" + "\n".join(lines) + "\n"


def _by_hand(scene: Scene) -> str:
    """What was chosen or edited by hand of a sentence's embeddings, as `embed_tokens` reads a Scene."""
    words = scene.preset.by_hand
    own = {token: words[token] for token in dict.fromkeys(scene.tokens) if token in words}
    return f"SimpleNamespace(preset=SimpleNamespace(by_hand={own!r}), edits={scene.edits!r})"


def _both_sentences(run: Run) -> str:
    """What the encoder reads and what the decoder wrote, and reads: their tokens, and their ids."""
    read = tuple(map(namer(run.scene), _target(run).tolist()))
    lines = [
        f"source_tokens = {run.tokens!r}",
        f"source = np.array({run.encoding.ids.tolist()!r})",
        f"target_tokens = {read!r}  # a first one to begin with, and what the decoder wrote",
        f"target = np.array({_target(run).tolist()!r})",
    ]
    return "\n".join(lines) + "\n"


def _other(scene: Scene, run: Run) -> str:
    """The lines that run the other sentence, and keep what the patch takes from there; of a Scene without one, none."""
    if not run.trace.interventions.patch:
        return ""
    assert scene.patch is not None
    (name, place), other = scene.patch, scene.patched_from
    ids = other.encoding.ids.tolist()
    if run.target is not None:
        lines, given = OTHER_BOTH.format(ids=ids), "target, source=other"
    else:
        hand = _by_hand(other)
        lines = OTHER.format(ids=ids, tokens=other.tokens, scene=hand)
        given = "embeddings=other"
    return lines + OTHER_RUN.format(given=given, name=name, place=place)


def _target(run: Run) -> np.ndarray:
    assert run.target is not None
    return run.target


# ----------------------------------------------------------------------------------------------------- the weights


def _drawn(scene: Scene) -> str:
    """The lines that draw the weights, and put the reader's numbers in their place."""
    own = WRITTEN.format(numbers=scene.matrices) if scene.matrices else ""
    return DRAWN.format(seed=scene.seed) + own


def lies_beside(config: Config) -> bool:
    """Whether the learned weights of such a model are a file beside its program."""
    return config.n_parameters() > limits.WRITTEN_WEIGHTS


def _learned(params: Params, config: Config) -> tuple[str, bytes | None]:
    """The lines that bring learned weights, and the bytes of the file that they read, where the weights are too many to
    be written into them. In 16 bits where that loses nothing."""
    numbers = np.concatenate([np.asarray(params[name], np.float32).ravel() for name in param_shapes(config)])
    with np.errstate(over="ignore"):
        half = numbers.astype("<f2")
    stored = half if np.array_equal(half.astype(np.float32), numbers) else numbers.astype("<f4")
    if not lies_beside(config):
        text = b64encode(zlib.compress(stored.tobytes(), 9)).decode()
        lines = "\n".join(text[i : i + WIDTH] for i in range(0, len(text), WIDTH))
        return INSIDE.format(text=lines, dtype=stored.dtype.str) + LEARNED.format(), None
    file = BytesIO()
    np.save(file, stored)
    return BESIDE.format(file=WEIGHTS_FILE) + LEARNED.format(), file.getvalue()


# ------------------------------------------------------------------------------------------------------ the screen


def screen(scene: Scene, run: Run, heads: tuple[str, ...] = ("scores_masked", "pattern", "z")) -> str:
    """Rows of the trace at the place that is looked at, as they were on the screen; `heads`: which of the head's."""
    prefix, part, (layer, head) = _looked_at(scene)
    at, last = f"{prefix}blocks.{layer}.", f"blocks.{scene.config.n_layers - 1}.resid_post"
    rows: dict[str, tuple[int, ...]] = {
        **{f"{at}{part}.{name}": (head, scene.query) for name in heads},
        **{name: (scene.query,) for name in (f"{prefix}embed", f"{at}resid_post", last, "logits")},
    }
    lines = []
    for name, (*front, query) in rows.items():
        if name in run.trace:
            place = (*front, min(query, run.trace.shape(name)[len(front)] - 1))
            length = None if name.endswith(("pattern", "masked")) else FEW
            numbers = ", ".join(map(_number, run.trace[name][place][:length]))
            lines.append(f'    ("{name}", {place!r}, [{numbers}]),\n')
    return "SCREEN = [\n" + "".join(lines) + "]\n"


def _looked_at(scene: Scene) -> tuple[str, str, tuple[int, int]]:
    """Of the attention that is looked at: how its stack's names begin, its part of a block, and (layer, head) there."""
    config = scene.config
    if config.n_encoder_layers and scene.attention_of == "encoder":
        stack = config.encoder
        return ENCODER, "attn", (min(scene.layer, stack.n_layers - 1), min(scene.head, stack.n_heads - 1))
    return "", "cross" if scene.attention_of == "cross" and config.cross else "attn", scene.place


def _plotted(scene: Scene) -> dict[str, Any]:
    """What PLOT shows: all heads of the chosen layer, and the tokens that look and are looked at."""
    prefix, part, (layer, _) = _looked_at(scene)
    two = bool(scene.config.n_encoder_layers)
    rows = "tokens" if not two else "source_tokens" if prefix else "target_tokens"
    columns = "source_tokens" if part == "cross" else rows
    return {"name": f"{prefix}blocks.{layer}.{part}.pattern", "layer": layer, "rows": rows, "columns": columns}


def _number(value: np.floating) -> str:
    """Digits that give the same number again."""
    return str(value) if np.isfinite(value) else f"float('{value}')"
