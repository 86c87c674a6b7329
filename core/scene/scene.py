"""Scene: everything that the screen depends on, as one small frozen value; to and from a URL query.

A picture is a pure function of its Scene. Sharing is writing it to the URL, and comparing is running two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import Any

from .. import limits
from ..config import Config
from ..errors import ConfigError, SceneError
from ..input_checks import Interventions
from ..interventions import ADDED, MATRICES, PARTS, TAKEN_OUT, one_spelling, parts_of, without
from ..presets import RUN, Preset, find
from ..tokenizer.text import normalized
from ..tokenizer.words import SPLITTERS, Encoding, OpenVocabulary
from .check import check_fields, check_together
from .fields import (
    CODECS,
    PIN,
    SIZES,
    SWITCHES,
    Edit,
    Notice,
    read_override,
    read_pin,
    write_pin,
    wrong,
)
from .sentence import fit_sentence

Override = tuple[str, "int | bool | str"]
# What may say that a part is out. Of an old link the pinned Scene has these from the query, as they were written.
SPELLED = ("off", *(name for name, _ in TAKEN_OUT))


@dataclass(frozen=True)
class Scene:
    """What is computed (model to ablated), and how it is looked at (layer to lang).

    Raises: SceneError, or ConfigError for overrides that do not make a Config.
    """

    model: str = "penguins"
    sentence: str = ""  # "": the preset's own
    split: str = "words"
    overrides: tuple[Override, ...] = ()  # (Config field, value), sorted; none takes a part out: that is `off`
    seed: int = 0
    edits: tuple[Edit, ...] = ()  # (position, dimension, value) of the embeddings, sorted
    temperature: float = 1.0
    ablated: tuple[tuple[int, int], ...] = ()  # (layer, head), sorted
    off: tuple[str, ...] = ()  # parts taken out while the model runs, sorted; those that it has not are left away

    layer: int = field(default=0, metadata={"view": True})
    head: int = field(default=0, metadata={"view": True})
    query: int = field(default=3, metadata={"view": True})  # the chosen cell; clipped to the sentence by `cell`
    key: int = field(default=1, metadata={"view": True})
    threshold: float = field(default=0.1, metadata={"view": True})  # fibres below it are not drawn
    focus: int | None = field(default=None, metadata={"view": True})  # the token whose fibres keep their colour
    lit: int | None = field(default=None, metadata={"view": True})  # how many layers of fibres are lit; None: all
    stage: int | None = field(default=None, metadata={"view": True})  # how far the drift has gone; None: to the end
    second: bool = field(default=False, metadata={"view": True})  # the block's second norm instead of its first
    dimension: int = field(default=0, metadata={"view": True})  # the chosen one, of vectors
    solid: bool = field(default=False, metadata={"view": True})  # the drift in three dimensions
    heat: float = field(default=1.0, metadata={"view": True})  # temperature of a new token's draw
    top_k: int | None = field(default=None, metadata={"view": True})
    top_p: float | None = field(default=None, metadata={"view": True})
    draw: int = field(default=0, metadata={"view": True})  # the seed of the draws
    new: int = field(default=12, metadata={"view": True})  # how many tokens are written
    forced: tuple[tuple[int, int], ...] = field(default=(), metadata={"view": True})  # (position, token), sorted
    step: int | None = field(default=None, metadata={"view": True})  # how many are written so far; None: all
    target: str = field(default="", metadata={"view": True})  # a continuation to be judged; "": the sentence itself
    task: str = field(default="copy", metadata={"view": True})  # what is trained, and how; see core.train.training_run
    size: str = field(default="", metadata={"view": True})  # "": the task's own
    rate: float | None = field(default=None, metadata={"view": True})  # the learning rate; None: the task's own
    batch: int | None = field(default=None, metadata={"view": True})  # rows; None: the task's own
    run_seed: int = field(default=0, metadata={"view": True})
    moment: int | None = field(default=None, metadata={"view": True})  # the step that training is wound to; None: now
    # The step to which some session played this run; below zero where its rate or batch changed on the way, so that it
    # cannot be repeated from here.
    played: int = field(default=0, metadata={"view": True})
    attempt: int = field(default=0, metadata={"view": True})  # how often the reader began this run again
    corpus: str = field(default="", metadata={"view": True})  # name of a text of the reader's own; "": ours
    lang: str = field(default="", metadata={"view": True})
    compared: str = field(default="pattern", metadata={"view": True})  # of attention's steps, while a Scene is pinned
    inside: str = field(default="resid_post", metadata={"view": True})  # the same of a block's arrays
    pinned: Scene | None = field(default=None, metadata={"view": True})  # what was computed when the reader pinned it

    def __post_init__(self) -> None:
        for name in ("sentence", "target"):  # the same text in another Unicode form is the same Scene
            if isinstance(text := getattr(self, name), str) and len(text) <= limits.TYPED:
                object.__setattr__(self, name, normalized(text))
        check_fields(self)
        overrides, off = one_spelling(self.preset.config, self.overrides, self.off)
        object.__setattr__(self, "overrides", overrides)
        object.__setattr__(self, "off", off)
        check_together(self)

    # ------------------------------------------------------------------------------------------- what follows

    @cached_property  # a page asks for it dozens of times
    def config(self) -> Config:
        """What runs: the whole model without the parts that are off."""
        return without(self.whole, self.off)

    @cached_property
    def whole(self) -> Config:
        """The preset's Config with the overrides, and with the parts that are off."""
        return _overridden(self.preset.config, self.overrides)

    @property
    def preset(self) -> Preset:
        """The model by name. Raises: SceneError for one that lived in a session that is gone."""
        if (preset := find(self.model)) is None:
            raise SceneError(f"model: there is no {self.model!r} any more", "model")
        return preset

    @property
    def text(self) -> str:
        """The sentence shown: the reader's, or the preset's own."""
        return self.sentence or self.preset.sentence

    @cached_property
    def encoding(self) -> Encoding:
        """The sentence's ids and tokens: a trained model's own, or of an open vocabulary."""
        open_vocabulary = OpenVocabulary(self.config.vocab_size, SPLITTERS[self.split])
        return (self.preset.tokenizer or open_vocabulary).encode(self.text)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The sentence's tokens, in order."""
        return self.encoding.tokens

    @property
    def cell(self) -> tuple[int, int]:
        """The chosen (query, key), inside the sentence."""
        last = len(self.tokens) - 1
        return min(self.query, last), min(self.key, last)

    @property
    def place(self) -> tuple[int, int]:
        """The chosen (layer, head), inside the model."""
        return min(self.layer, self.config.n_layers - 1), min(self.head, self.config.n_heads - 1)

    @property
    def interventions(self) -> Interventions:
        return Interventions(self.temperature, frozenset(self.ablated), frozenset(self.off))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The parts that the model has, and that do not run, in the order of PARTS."""
        has = {*parts_of(self.preset.config), *parts_of(self.whole)}
        return tuple(part for part in PARTS if part in has and not self.runs(part))

    def runs(self, part: str) -> bool:
        """Does this part of the model run?"""
        return part in parts_of(self.config) and part not in self.off

    @cached_property
    def computed(self) -> Scene:
        """The same computation, looked at as by default: equal for all Scenes that share one trace."""
        looks: dict[str, Any] = {f.name: f.default for f in fields(self) if f.metadata.get("view")}
        return replace(self, **looks | ({"seed": 0, "split": "words"} if self.preset.trained else {}))

    @cached_property
    def before(self) -> Scene | None:
        """The pinned Scene, looked at as this one is."""
        view = {f.name: getattr(self, f.name) for f in fields(self) if f.metadata.get("view")}
        return self.pinned and replace(self.pinned, **view | {"pinned": None})

    def pin(self) -> Scene:
        """A copy with what is computed now kept beside it."""
        return replace(self, pinned=self.computed)

    def turn(self, **changes: Any) -> Scene:
        """A copy with some fields changed, less the edits, ablated heads and forced tokens that no longer fit it.

        An edit stays while its position still holds the same token; forced tokens, while the text before them does.
        """
        bare = replace(
            self, edits=(), ablated=(), **{k: v for k, v in changes.items() if k not in ("edits", "ablated")}
        )
        before, after, c = self.tokens, bare.tokens, bare.config
        edits, ablated = changes.get("edits", self.edits), changes.get("ablated", self.ablated)
        if "edits" not in changes:
            edits = [e for e in edits if before[e[0]] == (after[e[0]] if e[0] < len(after) else None)]
        edits = tuple(sorted(e for e in edits if e[1] < c.d_model))
        ablated = tuple(sorted(p for p in ablated if p[0] < c.n_layers and p[1] < c.n_heads))
        if "forced" not in changes and (before, self.model) != (after, bare.model):
            bare = replace(bare, forced=())
        return replace(bare, edits=edits, ablated=ablated)

    def override(self, **values: int | bool | str) -> Scene:
        """A copy with some of the Config's fields overridden; the preset's own value takes an override away.

        Of a part that is off, the field's new value counts; a value that takes a part out is `switch`'s own doing.
        """
        out = {part for change, part in TAKEN_OUT.items() if change in values.items()}
        back = {part for (name, _), part in TAKEN_OUT.items() if name in values}
        overrides = dict(self.overrides) | {k: v for k, v in values.items() if (k, v) not in TAKEN_OUT}
        return self.turn(
            overrides=tuple(sorted(overrides.items())),
            off=tuple(sorted(({*self.off} - back) | out)),
        )

    def switch(self, **parts: bool) -> Scene:
        """A copy with some parts in place or taken out: off goes what the model has, and what it lacks is added."""
        scene = self
        for part, on in parts.items():
            scene = scene._in_place(part) if on else scene._taken_out(part)
        return scene

    def _in_place(self, part: str) -> Scene:
        scene = self.turn(off=tuple(other for other in self.off if other != part))
        if part in parts_of(scene.whole):
            return scene
        own = {"projections": self.preset.config.projections}
        return scene.override(**(own if part in MATRICES else ADDED.get(part, {})))

    def _taken_out(self, part: str) -> Scene:
        return self.turn(off=tuple(sorted({*self.off, part})))

    def restored(self) -> Scene:
        """A copy in which everything runs that the model has: parts, heads, and the usual temperature."""
        return self.turn(ablated=(), temperature=1.0).switch(**dict.fromkeys(self.missing, True))

    # ----------------------------------------------------------------------------------------------- the URL

    def to_query(self) -> dict[str, str]:
        """The Scene as a URL query; what equals the default is left out."""
        pinned = write_pin(self.pinned.to_query(), self.computed.to_query()) if self.pinned else {}
        return self.own_query() | pinned

    def own_query(self) -> dict[str, str]:
        """The query without what is pinned: also of a Scene whose model is gone."""
        query = {}
        defaults = {f.name: f.default for f in fields(self)}
        for name, (_, write) in CODECS.items():
            value = getattr(self, name)
            if value != defaults[name]:
                query[name] = write(value)
        for name, value in self.overrides:
            query[name] = str(int(value)) if isinstance(value, bool) else str(value)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> tuple[Scene, tuple[Notice, ...]]:
        """The Scene that a query describes, and a Notice for each part of it that was wrong. Never raises.

        A wrong part takes its default. Parameters that are not a Scene's are passed over: links collect them.
        """
        scene, notices = cls._read(query)
        present = scene.computed.to_query()
        present = {name: text for name, text in present.items() if name not in SPELLED}
        present |= {name: str(query[name]) for name in SPELLED if name in query}
        if (about := read_pin(query, present)) is None:
            return scene, notices
        pinned, more = cls._read(about)
        more = tuple(replace(notice, field=PIN + notice.field) for notice in more if PIN + notice.field in query)
        return replace(scene, pinned=pinned.computed), notices + more

    @classmethod
    def _read(cls, query: Mapping[str, str]) -> tuple[Scene, tuple[Notice, ...]]:
        notices: list[Notice] = []
        values: dict[str, Any] = {}
        overrides: dict[str, Any] = {}
        for name, raw in query.items():
            if name not in CODECS and name not in SIZES and name not in SWITCHES:
                continue
            try:
                if name in CODECS:
                    values[name] = CODECS[name][0](str(raw))
                else:
                    overrides[name] = read_override(name, str(raw))
            except (ValueError, OverflowError):
                notices.append(wrong(name, raw))
        model = values.get("model", cls.model)
        if find(model) is None:
            notices.append(wrong("model", values.pop("model"), "gone" if model.startswith(RUN) else "default"))
            model = cls.model
        notices += _untrained(model, overrides)
        if "sentence" in values:
            split = values["split"] if values.get("split") in SPLITTERS else "words"
            values["sentence"], cut = fit_sentence(values["sentence"], split, model)
            notices += [cut] if cut else []
        while True:
            try:
                return cls(**values, overrides=tuple(sorted(overrides.items()))), tuple(notices)
            except (SceneError, ConfigError) as error:
                at_fault = (error.field,) if isinstance(error, SceneError) else error.fields
                found = [name for name in at_fault if name in values or name in overrides] or [*values, *overrides]
                for name in found:
                    code = "conflict" if isinstance(error, ConfigError) else "default"
                    notices.append(wrong(name, query.get(name, ""), code))
                    values.pop(name, None)
                    overrides.pop(name, None)


@lru_cache(maxsize=256)  # a turn makes several Scenes of one Config, whose checks are half the work
def _overridden(config: Config, overrides: tuple[tuple[str, int | bool | str], ...]) -> Config:
    changes = dict(overrides)
    if changes.get("d_mlp", config.d_mlp) == 0:
        changes |= {"gated": False}
    changed = config.replace(**changes)
    return config if changed == config else changed  # one Config for all that change nothing


def _untrained(model: str, overrides: dict[str, Any]) -> list[Notice]:
    """Take from `overrides` what asks a trained model for other sizes or parameters; a Notice for each."""
    preset, notices = find(model), list[Notice]()
    if preset is None or not preset.trained:
        return notices
    for name in [*overrides]:
        if (name, overrides[name]) in TAKEN_OUT:
            continue  # a model can do without a part
        try:
            fits = preset.fits(preset.config.replace(**{name: overrides[name]}))
        except ConfigError:
            continue  # its own conflict is found later, by the Scene
        if not fits:
            notices.append(wrong(name, str(overrides.pop(name)), "trained"))
    return notices
