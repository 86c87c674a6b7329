"""Scene: everything that the screen depends on, as one small frozen value; to and from a URL query.

A picture is a pure function of its Scene. Sharing is writing it to the URL, and comparing is running two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from .. import limits
from ..config import Config
from ..errors import SceneError
from ..interventions import (
    EVERY_PART,
    Edge,
    Head,
    Interventions,
    no_head,
    one_spelling,
    parts_of,
    without,
)
from ..kinds import Choice, Flag, Kind, Maybe, Name, Number, Whole
from ..presets import PRESETS, REAL, RUN, Preset, find
from ..tokenizer.words import SPLITTERS, Encoding
from . import fitting, model_parts
from .fields import (
    ABLATED,
    CUT,
    EDITS,
    EXPLAINED,
    FORCED,
    INDEX,
    INSIDE,
    KINDS,
    LANGUAGES,
    MATRIX_EDITS,
    OFF,
    OVERRIDES,
    PATCH,
    PLACE,
    SEED,
    SENTENCE,
    STEP,
    STEPS,
    TARGET,
    TASK_NAMES,
    TRAINED_PACES,
    TRAINED_SIZES,
    Edit,
    MatrixEdit,
    Numbered,
    Override,
    Patched,
    computed,
    is_view,
    kinds,
    view,
)
from .notice import Notice
from .sentence import encoded, encoded_openly
from .url import Address, write_pin


class Pinned(Kind):
    """A Scene's `computed`, or None. In a link it stands beside the others, as what differs."""

    what = "a Scene's `computed`, without a view of its own"
    in_link = False

    def takes(self, value: Any) -> bool:
        return value is None or (isinstance(value, Scene) and value == value.computed)


@dataclass(frozen=True)
class Scene:
    """What is computed (model to off), and how it is looked at (layer to pinned).

    Raises: SceneError, or ConfigError for overrides that do not make a Config.
    """

    model: str = computed("penguins", Choice(tuple(PRESETS), beginning=(RUN, REAL)))
    sentence: str = computed("", SENTENCE)  # "": the preset's own
    split: str = computed("words", Choice(SPLITTERS))
    overrides: tuple[Override, ...] = computed((), OVERRIDES)  # none takes a part out: that is `off`
    seed: int = computed(0, SEED)
    edits: tuple[Edit, ...] = computed((), EDITS)  # of the embeddings
    # Numbers of W_Q and W_K, of an untrained model of one small head; those that the model has not are left away.
    matrices: tuple[MatrixEdit, ...] = computed((), MATRIX_EDITS)
    temperature: float = computed(1.0, Number(*limits.TEMPERATURE))
    # Heads whose output is 0; of two stacks (0, 1) is of the decoder's own attention, (0, 1, "cross") where it crosses.
    ablated: tuple[Head, ...] = computed((), ABLATED)
    cut: tuple[Edge, ...] = computed((), CUT)  # edges of attention: who no longer looks at whom
    off: tuple[str, ...] = computed((), OFF)  # parts taken out; those that the model has not are left away
    # Part of an array of another sentence's run, in the place of this one's; and that sentence, of as many tokens.
    patch: Patched | None = computed(None, PATCH)  # noqa: RUF009
    patch_source: str = computed("", SENTENCE)  # "" where nothing is patched

    layer: int = view(0, INDEX)
    head: int = view(0, INDEX)
    query: int = view(3, INDEX)  # the chosen cell; clipped to the sentence by `cell`
    key: int = view(1, INDEX)
    dimension: int = view(0, Whole(0, limits.D_MODEL[1]))  # the chosen one, of vectors

    without_first: bool = view(False, Flag())  # pictures leave out the first token, and what stands for no text
    rows_renormalized: bool = view(False, Flag())  # and on maps what is left of a row is divided by its sum
    threshold: float = view(0.1, Number(0, 1))  # fibres below it are not drawn
    focus: int | None = view(None, Maybe(INDEX))  # the token whose fibres keep their colour
    cutting: bool = view(False, Flag())  # whether a click on a fibre cuts it; else it is explained
    layers_lit: int | None = view(None, Maybe(INDEX), was="lit")  # layers of fibres that are lit; None: all
    drift_stage: int | None = view(None, Maybe(INDEX), was="stage")  # how far the drift has gone; None: to the end
    drift_3d: bool = view(False, Flag(), was="solid")  # the drift in three dimensions
    second_norm: bool = view(False, Flag(), was="second")  # the block's second norm instead of its first

    draw_temperature: float = view(1.0, Number(*limits.HEAT), was="heat")  # of a new token's draw
    top_k: int | None = view(None, Maybe(Whole(*limits.TOP_K)))
    top_p: float | None = view(None, Maybe(Number(*limits.TOP_P)))
    draw_seed: int = view(0, SEED, was="draw")
    max_new_tokens: int = view(12, Whole(*limits.NEW_TOKENS), was="new")
    forced: tuple[tuple[int, int], ...] = view((), FORCED)  # tokens that must stand at these positions
    tokens_written: int | None = view(None, Maybe(Whole(*limits.NEW_TOKENS)), was="step")  # so far; None: all
    words_translated: int | None = view(None, Maybe(Whole(*limits.NEW_TOKENS)))  # so far; None: all
    words_forced: tuple[tuple[int, int], ...] = view((), FORCED)  # of a translation, the place of its first word is 1
    beam_width: int = view(3, Whole(*limits.BEAMS))
    attention_of: str = view("cross", Choice(KINDS))  # whose attention, in a model of two stacks
    cross_layer: int | None = view(None, Maybe(INDEX))  # of the head that is shown; None: the sharpest one
    cross_head: int | None = view(None, Maybe(INDEX))
    target: str = view("", TARGET)  # a continuation to be judged; "": the sentence itself

    loss_position: int | None = view(None, Maybe(INDEX))  # whose loss alone is followed back; None: the mean of all
    loss_token: int | None = view(None, Maybe(PLACE))  # of two stacks, what is right there; None: what was written
    other_sentence: str = view("", TARGET)  # the one that is patched with this one's run, or the other way about
    cause_word: int | None = view(None, Maybe(PLACE))  # the candidates for the next token; None: the likeliest
    cause_rival: int | None = view(None, Maybe(PLACE))
    cause_break: bool = view(False, Flag())  # break the clean run instead of restoring it in the other one

    task: str = view("copy", Choice(TASK_NAMES))  # what is trained, and how; see core.train.training_run
    train_size: str = view("", Choice(TRAINED_SIZES), was="size")  # "": the task's own
    learning_rate: float | None = view(None, Maybe(Number(*limits.RATE)), was="rate")  # None: the task's own
    batch_size: int | None = view(None, Maybe(Whole(*limits.BATCH)), was="batch")  # rows; None: the task's own
    train_seed: int = view(0, SEED, was="run_seed")
    train_step: int | None = view(None, Maybe(STEP), was="moment")  # the step that training is wound to; None: now
    # The step to which some session played this run; below zero where its rate or batch changed on the way, so that it
    # cannot be repeated from here.
    train_played: int = view(0, Whole(-STEP.high, STEP.high), was="played")
    train_attempt: int = view(0, SEED, was="attempt")  # how often the reader began this run again
    corpus: str = view("", Name("text-[0-9a-f]{12}", "text-…"))  # a text of the reader's own; "": ours
    train_pace: str = view("steady", Choice(TRAINED_PACES))  # how many steps it may take at a time
    train_overlay: bool = view(True, Flag())  # whether the run before is drawn under this one

    check_parameter: str = view("blocks.0.attn.W_Q", Name("[A-Za-z0-9_.]{1,40}", "blocks.0.attn.W_Q"))  # whose gradient
    check_row: int = view(0, PLACE)  # the number of it that is nudged; clipped to its shape
    check_column: int = view(0, PLACE)
    check_nudge: float = view(1e-5, Number(*limits.NUDGE))  # how far up and down
    check_bug: bool = view(False, Flag())  # one planted in the backward pass, for the check to find

    explained: tuple[Numbered, ...] = view((), EXPLAINED)  # the last one is explained, the others led to it

    check: str = view("", Name("[a-z0-9-]{1,40}", "rows-sum-to-one"))  # the question that is asked; "": none
    challenge: str = view("", Name("[a-z0-9-]{1,40}", "the-first"))  # the one that is played; "": none
    lesson: str = view("", Name("[a-z0-9-]{1,24}", "the-mask"))  # the lesson that is walked; "": none
    lesson_step: int = view(0, INDEX)  # how far

    lang: str = view("", Choice(LANGUAGES))
    # Before a class: larger, without the menu; 0 is the whole page, n its picture number n. None: at a desk.
    projector: int | None = view(None, Maybe(INDEX))
    compared_step: str = view("pattern", Choice(STEPS), was="compared")  # of attention's, while a Scene is pinned
    compared_array: str = view("resid_post", Choice(INSIDE), was="inside")  # the same of a block's
    pinned: Scene | None = view(None, Pinned())  # noqa: RUF009  what was computed when the reader pinned it

    def __post_init__(self) -> None:
        # A default is right: most fields have theirs, and a page makes hundreds of Scenes.
        self._take({one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not one.default})
        overrides, off = one_spelling(self.preset.config, self.overrides, self.off)
        object.__setattr__(self, "overrides", overrides)
        object.__setattr__(self, "off", off)
        if self.matrices:
            object.__setattr__(self, "matrices", tuple(row for row in self.matrices if max(row[1:3]) < self.grid))
        if self.patch is None:
            object.__setattr__(self, "patch_source", "")
        fitting.check(self)

    def _take(self, values: Mapping[str, Any]) -> None:
        """Have these values, each in the form that is kept of it. Raises: SceneError for one that its field refuses."""
        for name, value in values.items():
            if value is not BY_DEFAULT.get(name, self):
                kind = kinds(Scene)[name]
                kind.check(name, value := kind.formed(value), SceneError)
            object.__setattr__(self, name, value)

    def can_cut(self, edge: Edge) -> bool:
        """Whether this edge is there, and its query has another key to look at."""
        more = tuple(sorted({*self.cut, edge}))
        return fitting.cuttable(self, more) == more

    def can_patch(self, patch: Patched, patch_source: str) -> bool:
        """Whether this model records such a part of an array, and the other sentence has as many tokens as this one.

        How long a translation is, a run tells: of a decoder any position is right that n_ctx has room for.
        """
        return fitting.patchable(self, patch, patch_source)

    # ------------------------------------------------------------------------------------------- what follows

    @cached_property  # a page asks for it dozens of times
    def config(self) -> Config:
        """What runs: the whole model without the parts that are off."""
        return without(self.whole, self.off)

    @cached_property
    def whole(self) -> Config:
        """The preset's Config with the overrides, and with the parts that are off."""
        return model_parts.config_with(self.preset.config, self.overrides)

    @property
    def grid(self) -> int:
        """How many rows and columns of W_Q and W_K a reader may write; 0: more than one small head is there."""
        c = self.whole
        alone = (c.n_layers, c.n_heads, c.head_width, c.n_encoder_layers) == (1, 1, c.d_model, 0)
        return c.d_model if alone and c.projections and c.d_model <= limits.GRID and not self.preset.trained else 0

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
        return self.encode(self.text)

    def encode(self, text: str) -> Encoding:
        """The ids and tokens of another sentence, as this one's."""
        if self.preset.tokenizer:
            return encoded(text, self.model)
        return encoded_openly(text, self.split, self.config.vocab_size)

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
        """All but the patch, whose numbers a run of the other sentence gives (core.scene.run.patched)."""
        there = frozenset(head for head in self.ablated if not no_head(self.config, head))  # cross-attention may be off
        return Interventions(self.temperature, there, frozenset(self.off), cut=frozenset(self.cut))

    @property
    def unpatched(self) -> Scene:
        """The same without its patch."""
        return self.turn(patch=None) if self.patch else self

    def is_patched(self, name: str, place: tuple[int, ...]) -> bool:
        """Whether the number, or all numbers, at this place of an array are put in from the other sentence's run."""
        return self.patch is not None and self.patch[0] == name and place[: len(self.patch[1])] == self.patch[1]

    @property
    def patched_from(self) -> Scene:
        """The Scene whose run the patch is taken from: this one, unpatched, with the other sentence."""
        return self.turn(patch=None, sentence=self.patch_source) if self.patch else self

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The parts that the model has, and that do not run, in the order of EVERY_PART."""
        has = {*parts_of(self.preset.config), *parts_of(self.whole)}
        return tuple(part for part in EVERY_PART if part in has and not self.runs(part))

    def runs(self, part: str) -> bool:
        """Does this part of the model run?"""
        return part in parts_of(self.config) and part not in self.off

    @cached_property
    def computed(self) -> Scene:
        """The same computation, looked at as by default: equal for all Scenes that share one trace."""
        scene = self.looked_at(BY_DEFAULT)
        drawn = (scene.seed, scene.split) != (0, "words")
        return replace(scene, seed=0, split="words") if drawn and self.preset.trained else scene

    @cached_property
    def before(self) -> Scene | None:
        """The pinned Scene, looked at as this one is."""
        view = {f.name: getattr(self, f.name) for f in fields(self) if is_view(f)}
        return self.pinned and self.pinned.looked_at(view | {"pinned": None})

    def pin(self) -> Scene:
        """A copy with what is computed now kept beside it."""
        return self.looked_at({"pinned": self.computed})

    def looked_at(self, view: Mapping[str, Any]) -> Scene:
        """A copy with these view fields. They alone are checked: what is computed is this Scene's, and was.

        What follows from what is computed is found once for all copies. Raises: SceneError, also where the model is
        gone.
        """
        scene = object.__new__(Scene)
        scene.__dict__.update({name: value for name, value in self.__dict__.items() if name != "before"})
        scene._take(view)
        _ = scene.preset  # asked for, it is there
        return scene

    def turn(self, **changes: Any) -> Scene:
        """A copy with some fields changed, less the edits, heads, edges, patch and tokens that no longer fit it.

        An edit stays while its position still holds the same token, and a cut edge while both of its do; forced tokens,
        while the text before them does; a patch, while all tokens do; chosen tokens, while the model does.
        """
        for name in changes.keys() - kinds(Scene).keys():
            raise SceneError(fitting.no_field(name, kinds(Scene)), name)
        if changes.keys() <= VIEW:
            return self.looked_at(changes)
        return fitting.turned(self, changes)

    def override(self, **values: int | bool | str) -> Scene:
        """A copy with some of the Config's fields overridden; the preset's own value takes an override away.

        Of a part that is off, the field's new value counts; a value that takes a part out is `switch`'s own doing.
        """
        return model_parts.overridden(self, values)

    def switch(self, **parts: bool) -> Scene:
        """A copy with some parts in place or taken out: off goes what the model has, and what it lacks is added."""
        return model_parts.switched(self, parts)

    def restored(self) -> Scene:
        """A copy in which everything runs that the model has: parts, heads, and the usual temperature."""
        return self.turn(ablated=(), cut=(), temperature=1.0).switch(**dict.fromkeys(self.missing, True))

    # ----------------------------------------------------------------------------------------------- the URL

    def to_query(self) -> dict[str, str]:
        """The Scene as a URL query; what equals the default is left out."""
        pinned = write_pin(self.pinned.to_query(), self.computed.to_query()) if self.pinned else {}
        return self.own_query() | pinned

    def own_query(self) -> dict[str, str]:
        """The query without what is pinned: also of a Scene whose model is gone."""
        return ADDRESS.write(self)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> tuple[Scene, tuple[Notice, ...]]:
        """The Scene that a query describes, and a Notice for each part of it that was wrong. Of a mapping never raises.

        A wrong part takes its default. Parameters that are not a Scene's are passed over: links collect them.
        """
        return ADDRESS.scene(query)


VIEW = frozenset(one.name for one in fields(Scene) if is_view(one))
BY_DEFAULT = {one.name: one.default for one in fields(Scene) if is_view(one)}
ADDRESS = Address(Scene)
