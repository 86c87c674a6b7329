"""The named starting points, as data. None of them is known to `forward`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from weakref import WeakValueDictionary

import numpy as np

from .config import ENCODER, Config, param_shapes
from .errors import ConfigError
from .params import Params, check_params, init_param, init_params
from .tokenizer.protocol import Tokenizer

PENGUINS = "Os pinguins não tem joelho"
SIZES = ("d_model", "n_layers", "n_heads", "d_mlp")  # what a trained model cannot change
_HERE = Path(__file__).parent
PORTRAIT = "portrait.json"  # in a shipped model's folder: its first layer's patterns on its own sentence
SHIPPED = _HERE / "models" if (_HERE / "models").is_dir() else _HERE.parent / "models"  # installed; in the project


@dataclass(frozen=True)
class Preset:
    """A Config, the sentence that opens it, embeddings chosen by hand for some words; or what training gave.

    A trained model has its own tokenizer, and `source` fetches its weights when they are first asked for.
    """

    title: str
    config: Config
    sentence: str
    by_hand: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    tokenizer: Tokenizer | None = None
    source: Callable[[], Params] | None = field(default=None, repr=False)
    task: str = ""  # what a trained model learned, where it is one of TASKS

    @property
    def embeddings(self) -> np.ndarray | None:
        """[pos, d_model] of the preset's own sentence where they were chosen by hand, else None."""
        return np.array([self.by_hand[w] for w in self.sentence.split()], np.float64) if self.by_hand else None

    @property
    def portrayed(self) -> str:
        """The array that its card shows: what the first layer of the stack that reads its sentence does with it."""
        return f"{ENCODER if self.config.n_encoder_layers else ''}blocks.0.attn.pattern"

    @property
    def trained(self) -> bool:
        """Whether the weights were learned: then no seed draws them, and their sizes are what they are."""
        return self.source is not None

    @cached_property
    def learned(self) -> Params:
        """The weights of a trained model, fetched once. Raises: ConfigError for a preset that was not trained."""
        if self.source is None:
            raise ConfigError(
                f"learned: {self.title!r} was not trained; init_params(config, seed) draws weights", "learned"
            )
        params = self.source()
        check_params(params, self.config)
        return params

    def first_asked(self, tokens: tuple[str, ...]) -> int:
        """The place of the first token of a text that training asked for: what stands before could not be foretold."""
        from .tasks import TASKS, Task  # grammar and all: only who looks at a trained model needs it

        return TASKS.get(self.task, Task).first_asked(tokens)

    def fits(self, config: Config) -> bool:
        """Whether a variant of a trained model's Config has its sizes, and nothing unlearned but norms."""
        if config == self.config:  # as of most Scenes: thirty layers take a while to go through
            return True
        if any(getattr(config, size) != getattr(self.config, size) for size in SIZES):
            return False
        own = param_shapes(self.config)
        return all(own.get(name) == shape or _of_norm(name) for name, shape in param_shapes(config).items())

    def params(self, config: Config, seed: int) -> Params:
        """The weights of a variant: the learned ones, and norms that were added, which start at one; or drawn."""
        if not self.trained:
            return init_params(config, seed)
        learned = self.learned
        return {
            name: learned[name] if name in learned else init_param(name, shape, config, seed)
            for name, shape in param_shapes(config).items()
        }


def _of_norm(name: str) -> bool:
    return name.endswith((".w", ".b"))


# Called with a shipped model's folder before its weights are read: where the app came without them, they are brought
# (ui/live/alone.py).
BEFORE_WEIGHTS: list[Callable[[Path], None]] = []


@dataclass(frozen=True)
class Shipped:
    """A model of models/, that becomes a Preset when it is first asked for.

    Its Config and vocabulary are its task's; without one, what stands in its folder.
    """

    folder: str
    title: str
    task: str
    sentence: str

    def preset(self) -> Preset:
        if not self.task:
            return self._brought()
        from .tasks import SOURCED, TASKS

        task = (TASKS | SOURCED)[self.task]()
        return Preset(
            self.title,
            task.config,
            self.sentence,
            tokenizer=task.tokenizer,
            source=self._weights,
            task=self.task,
        )

    def _brought(self) -> Preset:
        from .strict_json import parse
        from .tokenizer.huggingface import FileTokenizer
        from .weights.families import fibra
        from .weights.fields import Fields

        folder = SHIPPED / self.folder
        config = fibra(Fields(parse((folder / "config.json").read_bytes(), "config.json"))).config
        tokenizer = FileTokenizer(folder / "tokenizer.json")
        return Preset(self.title, config, self.sentence, tokenizer=tokenizer, source=self._weights)

    def _weights(self) -> Params:
        from .weights import load_pretrained

        folder = SHIPPED / self.folder
        for bring in BEFORE_WEIGHTS:
            bring(folder)
        return load_pretrained(folder, dtype=np.float32).params


class Presets(Mapping[str, Preset]):
    """The presets by name, in the order of the menu."""

    def __init__(self, given: Mapping[str, Preset | Shipped]):
        self._given = dict(given)

    def __getitem__(self, name: str) -> Preset:
        given = self._given[name]
        if isinstance(given, Shipped):
            given = self._given[name] = given.preset()
        return given

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def __or__(self, others: Mapping[str, Preset]) -> dict[str, Preset]:
        return {**self, **others}

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


PRESETS = Presets(
    {
        # Nothing was trained. The geometry was designed: "tem" shares a direction with "pinguins" and one with "não",
        # and "joelho" shares the one of "pinguins".
        "penguins": Preset(
            "The penguins",
            Config(d_model=4, n_layers=1, n_heads=1, projections=False, residual=False),
            PENGUINS,
            MappingProxyType(
                {
                    "Os": (1, 0, 0, 0),
                    "pinguins": (0, 1, 0, 0),
                    "não": (0, 0, 1, 0),
                    "tem": (0, 1, 1, 0),
                    "joelho": (0, 1, 0, 1),
                }
            ),
        ),
        # The encoder as a first lesson writes it: every part that tames the numbers is left out, so they explode.
        "encoder": Preset(
            "The simplified encoder",
            Config(d_model=64, n_layers=2, n_heads=4, d_mlp=128, residual=False, init="unit"),
            PENGUINS,
        ),
        # Vaswani et al. 2017, at a classroom's size. Unit-variance embeddings equal the paper's sqrt(d_model) times
        # N(0, 1/d_model).
        "encoder_full": Preset(
            "The encoder of 2017",
            Config(
                d_model=64,
                n_layers=2,
                n_heads=4,
                d_mlp=256,
                positions="sinusoidal",
                norm="layer",
                norm_at="post",
                qkv_bias=True,
                out_bias=True,
                mlp_bias=True,
            ),
            PENGUINS,
        ),
        "gpt": Preset(
            "A GPT from scratch",
            Config(
                d_model=64,
                n_layers=4,
                n_heads=4,
                d_mlp=256,
                causal=True,
                positions="sinusoidal",
                norm="layer",
                norm_at="pre",
                final_norm=True,
                qkv_bias=True,
                out_bias=True,
                mlp_bias=True,
                unembed=True,
            ),
            PENGUINS,
        ),
        # Trained by models/build.py. One head tells each syllable what stood before it, two look for that; one of the
        # two can be spared.
        "induction": Shipped("induction", "The induction heads", "repeat", "pi ka tu le mo pi ka tu le mo"),
        # Trained by models/build.py, on stories of core.tasks.
        "stories": Shipped("stories", "Small-world stories", "stories", "As focas perto do pinguim estão cansadas."),
        # Brought by models/convert.py from a package that learned them from books; old spelling, as in its edition.
        "machado": Shipped("machado", "Machado de Assis", "", "Capitú olhou para mim e disse que não"),
        "alice": Shipped("alice", "Alice in Wonderland", "", "Alice was beginning to get very tired"),
        # Encoder-decoders: a Scene's sentence is what their encoder reads, and their decoder writes its translation.
        # The base model of Vaswani et al. 2017, at a classroom's size: nothing was trained.
        "seq2seq": Preset(
            "The Transformer of 2017",
            Config(
                d_model=64,
                n_layers=2,
                n_heads=4,
                d_mlp=256,
                causal=True,
                positions="sinusoidal",
                embed_scale=True,
                norm="layer",
                norm_at="post",
                qkv_bias=True,
                out_bias=True,
                mlp_bias=True,
                unembed=True,
                tied_unembed=True,
                n_encoder_layers=2,
                cross=True,
            ),
            PENGUINS,
        ),
        # Trained by models/build.py, in both directions, on pairs of sentences of core.tasks.
        "translator": Shipped("translator", "The translator", "translate", "ontem as focas brancas viram o barco ."),
    }
)


# ---------------------------------------------------------------------------------------------- trained in a session

RUN = "run-"  # how the names of models begin that live as long as someone holds them
REAL = "real-"  # and those of models that were trained elsewhere (core/library.py)
_living: WeakValueDictionary[str, Preset] = WeakValueDictionary()


def register(preset: Preset) -> tuple[str, Preset]:
    """A name for a trained model, by all that it holds; and the model that bears it, to be held on to.

    The name is known to the whole process, for as long as anyone holds the model: so equal weights with another title,
    sentence or vocabulary have another name, and nobody is shown another one's.
    """
    about = (preset.title, preset.config, preset.sentence, dict(preset.by_hand), preset.tokenizer)
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogatepass"))
    for name, array in sorted(preset.learned.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    name = RUN + digest.hexdigest()[:16]
    return name, _living.setdefault(name, preset)


def living_bytes() -> int:
    """What the weights of all models take that sessions hold, each counted once."""
    return sum(array.nbytes for preset in [*_living.values()] for array in preset.learned.values())


def living(name: str) -> Preset | None:
    """The model of this name that lives as long as someone holds it; None of any other."""
    return _living.get(name)


def hold(name: str, preset: Preset) -> Preset:
    """Let a model be found by a name of its own for as long as someone holds it; gives the one that bears the name."""
    return _living.setdefault(name, preset)


def find(name: str) -> Preset | None:
    """The preset, or the living model, of this name; None where there is none, or none any more."""
    if name.startswith(REAL):
        from .library import LIBRARY  # it reads files, which only who asks for a real model needs

        return _living.get(name) or LIBRARY.find(name)
    return PRESETS.get(name) or _living.get(name)
