"""Train the models that ship with the project, on one core.

    OPENBLAS_NUM_THREADS=1 python -m models.build [induction] [stories] [translator]

Each goes to a folder of its own: config.json and model.safetensors (float16), which core.load_pretrained reads, and
training.json: how it was trained, how long that took, the loss on the way, and the scores of what was written, all
measured on data that was never trained on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import core
from core.interpret import alignment_score, cross_patterns, cross_rollout
from core.interpret.induction import find_circuit
from core.params import Params
from core.presets import PORTRAIT
from core.tasks import Repeat, Stories, Task, Translation, agreement, evaluate, pair
from core.tasks.translation import TOWARDS
from core.train.loop import Recipe, State, train
from core.weights import save

HERE = Path(__file__).parent
EVERY = 25  # steps between two points of the recorded curve
FIRST = (1, 5)  # and these, for a test that takes them again
CURVE = ("step", "loss", "held_out_loss")


@dataclass(frozen=True)
class Build:
    """A model that ships: its task, how it is trained, and what it must reach."""

    task: type[Task]
    recipe: Recipe
    scores: Callable[[Params, core.Config], dict[str, Any]]


def induction_scores(params: Params, config: core.Config) -> dict[str, Any]:
    """Accuracy from the second time on, and the two heads behind it."""
    task = Repeat()
    loss, accuracy = evaluate(params, config, task.batch(0, 200, held_out=True))
    circuit = find_circuit(params, config, task.batch(0, 50, held_out=True).ids)
    return {
        "held_out_loss": loss,
        "held_out_accuracy": accuracy,
        "induction_head": circuit.second,
        "induction_score": circuit.score,
        "previous_token_head": circuit.first,
        "previous_token_score": float(circuit.previous[circuit.first]),
        "induction_score_without_the_previous_token_head": circuit.without,
    }


def stories_scores(params: Params, config: core.Config) -> dict[str, Any]:
    """The loss, and the share of right agreements in 500 held-out stories of each language."""
    loss, accuracy = evaluate(params, config, Stories().batch(0, 200, held_out=True))
    shares = {f"agreement_{language}": agreement(params, config, language, 500) for language in ("pt-BR", "en")}
    return {"held_out_loss": loss, "held_out_accuracy": accuracy, **shares}


def translator_scores(params: Params, config: core.Config) -> dict[str, Any]:
    """Into each language, over 500 held-out sentences: the share translated exactly by the likeliest words, the share
    of right words where two change places, and how often cross-attention finds a word's origin: the best head's, and
    rollout.
    """
    task = Translation()
    loss, accuracy = evaluate(params, config, task.batch(0, 200, held_out=True))
    found: dict[str, Any] = {"held_out_loss": loss, "held_out_accuracy": accuracy}
    for into in TOWARDS:
        exact, crossing, heads, flow = [], [], [], []
        for number in range(500):
            told = pair(number, held_out=True)
            source, target = (np.array(ids) for ids in task.encode(told, into))
            trace = core.forward(params, config, target[:-1], source=source)
            # Where each word is the likeliest after those before it, greedy writing gives these very words.
            right = trace["logits"].argmax(-1) == target[1:]
            truth = told.truth(into)
            exact.append(right.all())
            crossing += [right[place] for place in told.crossing(into)]
            behind = {place: frozenset(stem + 1 for stem in stems) for place, stems in truth.items()}
            heads.append(alignment_score(cross_patterns(trace, config), behind))
            flow.append(float(alignment_score(cross_rollout(trace, config), behind)))
        by_head = np.mean(heads, 0)
        best = np.unravel_index(by_head.argmax(), by_head.shape)
        found |= {
            f"exact_{into}": float(np.mean(exact)),
            f"crossing_words_{into}": float(np.mean(crossing)),
            f"best_head_{into}": [int(i) for i in best],
            f"alignment_{into}": float(by_head.max()),
            f"alignment_rollout_{into}": float(np.mean(flow)),
        }
    return found


BUILDS = {
    "induction": Build(Repeat, Recipe(steps=1000, warmup=50, last_rate=0.05), induction_scores),
    "stories": Build(Stories, Recipe(steps=2000, warmup=100, last_rate=0.02), stories_scores),
}
# Of encoder-decoders, whose tasks have a source.
SOURCED_BUILDS = {
    "translator": Build(Translation, Recipe(steps=2500, warmup=100, last_rate=0.02), translator_scores),
}
EVERY_BUILD = BUILDS | SOURCED_BUILDS


def curve(build: Build, state: State) -> Iterator[tuple[int, float, float]]:
    """(steps taken, training loss, held-out loss) along the run, which changes `state`."""
    task, held_out = build.task(), build.task().batch(0, 64, held_out=True)
    for step in train(state, task.config, task.batch, build.recipe):
        if step.number % EVERY == 0 or step.number in FIRST:
            yield step.number, step.loss, evaluate(state.params, task.config, held_out)[0]


def begin(build: Build) -> State:
    """The run before its first step; the seed is 0."""
    return State.start(core.init_params(build.task().config, seed=0))


def make(name: str) -> None:
    """Train one model, write it, and measure what was written."""
    build = EVERY_BUILD[name]
    state, start, points = begin(build), time.perf_counter(), []
    for point in curve(build, state):
        points.append(point)
        if point[0] % 250 == 0:
            print(f"{name}: step {point[0]}, loss {point[1]:.4f}, held out {point[2]:.4f}", flush=True)
    seconds = time.perf_counter() - start
    task = build.task()
    save(HERE / name, state.params, task.config, dtype="F16", metadata={"vocabulary": json.dumps(task.vocabulary)})
    written = core.load_pretrained(HERE / name)
    about = {
        "task": task.name,
        "seed": 0,
        "recipe": asdict(build.recipe),
        "rows_a_batch": task.size,
        "seconds": round(seconds, 1),
        "parameters": task.config.n_parameters(),
        "scores": build.scores(written.params, written.config),
    }
    columns = zip(*points, strict=True)
    along = {key: [round(x, 5) for x in column] for key, column in zip(CURVE, columns, strict=True)}
    text = json.dumps(about, indent=1).removesuffix("\n}") + f',\n "curve": {json.dumps(along)}\n}}'
    (HERE / name / "training.json").write_text(text + "\n", encoding="utf-8")
    draw_portrait(name)
    print(json.dumps(about["scores"], indent=1), f"{seconds:.0f} s", flush=True)


def draw_portrait(name: str) -> None:
    """Write what the model's first layer does with its own sentence: the thumbnail of its card on Start."""
    patterns = core.run(core.Scene(model=name)).trace[core.PRESETS[name].portrayed]
    rows = [[[round(weight, 6) for weight in row] for row in head] for head in patterns.tolist()]
    (HERE / name / PORTRAIT).write_text(json.dumps(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or EVERY_BUILD:
        make(chosen)
