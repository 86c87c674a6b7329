"""Fibra's core: small Transformers in pure NumPy, every step of them kept under a name.

>>> import core
>>> preset = core.PRESETS["penguins"]
>>> params = core.init_params(preset.config, seed=0)
>>> trace = core.forward(params, preset.config, embeddings=preset.embeddings)
>>> trace["blocks.0.attn.pattern"][0, 3].round(2).tolist()
[0.12, 0.19, 0.19, 0.31, 0.19]
"""

from . import reference
from .backward import backward
from .config import Config, param_shapes
from .errors import ConfigError, FibraError, SceneError, WeightsError
from .generate.cache import Cache
from .generate.loop import generate
from .generate.sampling import Distribution, Sampling
from .input_checks import Interventions
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
from .trace import NAMES, Trace
from .train.gradcheck import gradcheck
from .train.loop import Batch, Checkpoints, Recipe, State, train
from .weights import Pretrained, load_pretrained

__all__ = [
    "NAMES",
    "PRESETS",
    "Batch",
    "BytePair",
    "Cache",
    "Checkpoints",
    "Config",
    "ConfigError",
    "Distribution",
    "Encoding",
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
    "backward",
    "check_params",
    "cross_entropy",
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
