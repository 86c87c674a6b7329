"""Fibra's core: small Transformers in pure NumPy, every step of them kept under a name.

>>> import core
>>> preset = core.PRESETS["penguins"]
>>> params = core.init_params(preset.config, seed=0)
>>> trace = core.forward(params, preset.config, embeddings=preset.embeddings)
>>> trace["blocks.0.attn.pattern"][0, 3].round(2).tolist()
[0.12, 0.19, 0.19, 0.31, 0.19]
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import reference
    from .activations import NAMES
    from .backward import backward
    from .checks import CHECKS, answer
    from .config import Config, param_shapes
    from .errors import ConfigError, FibraError, SceneError, WeightsError
    from .explain.explain import explain
    from .explain.explanation import Explanation
    from .generate.beam import Beam, BeamStep, beam_search
    from .generate.cache import Cache
    from .generate.loop import generate
    from .generate.sampling import Distribution, Sampling
    from .interventions import Interventions
    from .model import forward
    from .ops.loss import cross_entropy, squared_error
    from .params import Params, check_params, init_params
    from .presets import PRESETS, Preset
    from .scene.continuation import Writing, write
    from .scene.notice import Notice
    from .scene.run import Run, run
    from .scene.scene import Scene
    from .tokenizer.bpe import BytePair
    from .tokenizer.wordpiece import WordPiece
    from .tokenizer.words import Encoding, OpenVocabulary
    from .trace import Trace
    from .train.batch import Batch
    from .train.gradcheck import gradcheck
    from .train.loop import Checkpoints, Recipe, State, train
    from .weights import Pretrained, load_pretrained

__all__ = [
    "CHECKS",
    "NAMES",
    "PRESETS",
    "Batch",
    "Beam",
    "BeamStep",
    "BytePair",
    "Cache",
    "Checkpoints",
    "Config",
    "ConfigError",
    "Distribution",
    "Encoding",
    "Explanation",
    "FibraError",
    "Interventions",
    "Notice",
    "OpenVocabulary",
    "Params",
    "Preset",
    "Pretrained",
    "Recipe",
    "Run",
    "Sampling",
    "Scene",
    "SceneError",
    "State",
    "Trace",
    "WeightsError",
    "WordPiece",
    "Writing",
    "answer",
    "backward",
    "beam_search",
    "check_params",
    "cross_entropy",
    "explain",
    "forward",
    "generate",
    "gradcheck",
    "init_params",
    "load_pretrained",
    "param_shapes",
    "reference",
    "run",
    "squared_error",
    "train",
    "write",
]

# Where each name lives: it is imported when it is first asked for, so that a Scene brings no training and no grammar.
_FACE = {
    ".activations": ("NAMES",),
    ".backward": ("backward",),
    ".checks": ("CHECKS", "answer"),
    ".config": ("Config", "param_shapes"),
    ".errors": ("ConfigError", "FibraError", "SceneError", "WeightsError"),
    ".explain.explain": ("explain",),
    ".explain.explanation": ("Explanation",),
    ".generate.beam": ("Beam", "BeamStep", "beam_search"),
    ".generate.cache": ("Cache",),
    ".generate.loop": ("generate",),
    ".generate.sampling": ("Distribution", "Sampling"),
    ".interventions": ("Interventions",),
    ".model": ("forward",),
    ".ops.loss": ("cross_entropy", "squared_error"),
    ".params": ("Params", "check_params", "init_params"),
    ".presets": ("PRESETS", "Preset"),
    ".scene.continuation": ("Writing", "write"),
    ".scene.notice": ("Notice",),
    ".scene.run": ("Run", "run"),
    ".scene.scene": ("Scene",),
    ".tokenizer.bpe": ("BytePair",),
    ".tokenizer.wordpiece": ("WordPiece",),
    ".tokenizer.words": ("Encoding", "OpenVocabulary"),
    ".trace": ("Trace",),
    ".train.batch": ("Batch",),
    ".train.gradcheck": ("gradcheck",),
    ".train.loop": ("Checkpoints", "Recipe", "State", "train"),
    ".weights": ("Pretrained", "load_pretrained"),
}
_MODULES = {name: module for module, names in _FACE.items() for name in names}


def __getattr__(name: str) -> Any:
    if module := _MODULES.get(name):
        # Its package first: who asks for the module alone keeps it from all others while Python goes for its package,
        # and who has the package and wants the module waits for ever.
        package, _, own = module.rpartition(".")
        if package and own:
            import_module(package, __name__)
        value = getattr(import_module(module, __name__), name)
    elif name.isidentifier() and not name.startswith("_") and find_spec(f".{name}", __name__):
        value = import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Face(ModuleType):
    """`generate`, `train` and `explain` are functions here, and packages too: importing a package leaves the function
    its name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
