"""A challenge: a Scene, what is to be reached by altering it, and the score, computed from its arrays."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckError
from ..interpret import head_effects, head_scores
from ..interpret.induction import patterns
from ..kinds import shown
from ..scene.run import Run
from ..scene.scene import ADDRESS, VIEW, Scene

FILE = Path(__file__).with_name("challenges.toml")
# What is altered, and when it is done: build, the embeddings, or W_Q and W_K, until the one head's pattern is the goal;
# cut, heads that are switched off, or sever, single edges of attention that are cut, until the next token is another;
# find, nothing: a head is named, the goal says by what.
KINDS = ("build", "cut", "sever", "find")
FREE = {  # the fields that a player may alter
    "build": ("edits", "matrices"),
    "cut": ("ablated",),
    "sever": ("cut",),
    "find": ("",),
}
TARGETS = {
    "build": ("previous", "first", "itself", "equal", "even", "picture"),
    "find": ("previous", "first", "needed"),
}
MOST = 3  # stars


@dataclass(frozen=True)
class Challenge:
    """What is asked of a Scene. The words for it are in content/, under the challenge's name.

    alters: the field that a player alters; "": the first of its kind's. stars: of `build`, the scores from which on
    one, two, three are given. picture: of the goal "picture", its rows.
    fewest: of `cut` and `sever`, how many do. solution: a Scene that earns all stars.
    """

    name: str
    kind: str
    scene: Scene
    solution: Scene
    goal: str = ""
    alters: str = ""
    stars: tuple[float, ...] = ()
    picture: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    fewest: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CheckError(f"{self.name}: kind {shown(self.kind)} is none of {', '.join(KINDS)}")
        if self.goal not in TARGETS.get(self.kind, ("",)):
            raise CheckError(f"{self.name}: goal {shown(self.goal)} is none of {', '.join(TARGETS[self.kind])}")
        if self.free not in FREE[self.kind]:
            raise CheckError(f"{self.name}: alters {shown(self.alters)} is none of {', '.join(FREE[self.kind])}")

    @property
    def free(self) -> str:
        """The field that a player alters; "": none."""
        return self.alters or FREE[self.kind][0]

    def fits(self, scene: Scene) -> bool:
        """Whether a Scene is this challenge's, but for what a player may alter."""
        return self._rest(scene) == self._rest(self.scene)

    def _rest(self, scene: Scene) -> Scene:
        return (scene.turn(**{self.free: ()}) if self.free else scene).computed


@dataclass(frozen=True)
class Score:
    """How far a player is. value: of `build`, the share of the attention that lies where it should, 0..1; of `cut` and
    `sever`, how many heads or edges are off. stars: 0..3."""

    value: float
    stars: int


def target(challenge: Challenge, tokens: Sequence[object]) -> np.ndarray:
    """The pattern that a head is to have, [query, key]; NaN in the row of a query that may look anywhere."""
    n = len(tokens)
    if challenge.goal == "picture":
        return np.array(challenge.picture, np.float64)
    if challenge.goal == "previous":
        before = np.eye(n, k=-1)
        before[0] = np.nan  # nothing stands before the first
        return before
    if challenge.goal == "first":
        return np.tile(np.eye(n)[0], (n, 1))
    wanted = {"itself": np.eye(n), "even": np.ones((n, n))}
    alike = wanted.get(challenge.goal, np.array([[float(a == b) for b in tokens] for a in tokens]))
    return alike / alike.sum(1, keepdims=True)


def build_score(pattern: np.ndarray, wanted: np.ndarray) -> float:
    """The share of a pattern's weight [query, key] that lies where it should, mean over the queries that are judged.

    Of a row it is 1 less half the sum of the differences (the total variation distance); of one that is no longer
    finite, 0.
    """
    judged = np.isfinite(wanted).all(1)
    apart = np.abs(pattern.astype(np.float64)[judged] - wanted[judged]).sum(1) / 2
    return float(1 - np.where(np.isfinite(apart), apart, 1).mean())


def cut_stars(changed: bool, off: int, fewest: int) -> int:
    """Stars for so many heads, or edges, that are off: three for as few as will do, two for one more, one for any."""
    return max(1, MOST - max(0, off - fewest)) if changed else 0


def found_stars(values: np.ndarray, picks: Sequence[tuple[int, int]]) -> int:
    """Stars for the heads that were named one after the other: three if the first one has the greatest of the values
    [layer, head], one less for each that has not; at least one once it is found."""
    for tries, (layer, head) in enumerate(picks):
        if values[layer, head] >= values.max():
            return max(1, MOST - tries)
    return 0


def score(challenge: Challenge, run: Run, before: Run, picks: Sequence[tuple[int, int]] = ()) -> Score:
    """How far a player is with what `run` gives; `before` is the run of the challenge's own Scene."""
    if challenge.kind == "build":
        pattern = run.trace["blocks.0.attn.pattern"][0]
        value = build_score(pattern, target(challenge, run.tokens))
        return Score(value, sum(value >= least for least in challenge.stars))
    if challenge.kind in ("cut", "sever"):
        off = len(getattr(run.scene, challenge.free))
        changed = next_token(run) != next_token(before)
        return Score(off, cut_stars(changed, off, challenge.fewest))
    return Score(len(picks), found_stars(values(challenge, run), picks))


def next_token(run: Run) -> int:
    """The id of the likeliest next token."""
    return int(run.trace.row("logits", -1).argmax())


def values(challenge: Challenge, run: Run) -> np.ndarray:
    """By what a head is found: [layer, head], the greatest is meant."""
    if challenge.goal == "needed":
        return np.asarray(head_effects(run.params, run.config, run.trace)[..., -1])
    found = patterns(run.trace, run.config.n_layers)
    return head_scores(found, run.tokens, run.config.causal)[challenge.goal]


# ------------------------------------------------------------------------------------------------------------- the file


@cache
def _load() -> dict[str, Challenge]:
    return {name: _challenge(name, table) for name, table in tomllib.loads(FILE.read_text("utf-8")).items()}


def _challenge(name: str, table: dict[str, Any]) -> Challenge:
    own = table.pop("scene", {})
    scenes = [Scene.from_query(query) for query in (own, own | table.pop("solution"))]
    if notices := [notice for _, found in scenes for notice in found]:
        raise CheckError(f"{name}: its Scene has no {notices[0].field} {notices[0].value!r}")
    (scene, _), (solution, _) = scenes
    picture = tuple(map(tuple, table.pop("picture", ())))
    return Challenge(
        name, scene=scene, solution=solution, picture=picture, stars=tuple(table.pop("stars", ())), **table
    )


class _Challenges(Mapping[str, Challenge]):
    """The challenges by name, read from their file when the first one is asked for."""

    def __getitem__(self, name: str) -> Challenge:
        return _load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_load())

    def __len__(self) -> int:
        return len(_load())


CHALLENGES: Mapping[str, Challenge] = _Challenges()


# ---------------------------------------------------------------------------------------------------------- the address


def opened(query: dict[str, str]) -> dict[str, str]:
    """The whole query that a challenge's name alone stands for, as somebody types it: the challenge's own Scene. One
    that says anything of what is computed is whole by itself."""
    challenge = CHALLENGES.get(query.get("challenge", ""))
    if challenge is None or any(name in ADDRESS.texts and ADDRESS.texts[name].field not in VIEW for name in query):
        return query
    return challenge.scene.to_query() | query


def whole(query: dict[str, str]) -> dict[str, str]:
    """A Scene's query as `opened` leaves it: in another challenge's place even the first model is named."""
    return query if opened(query) == query else query | {"model": ADDRESS.defaults["model"]}
