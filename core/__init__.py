"""Fibra's core: small Transformers in pure NumPy, every step of them kept under a name.

>>> import core
>>> preset = core.PRESETS["penguins"]
>>> params = core.init_params(preset.config, seed=0)
>>> trace = core.forward(params, preset.config, embeddings=preset.embeddings)
>>> trace["blocks.0.attn.pattern"][0, 3].round(2).tolist()
[0.12, 0.19, 0.19, 0.31, 0.19]
"""

from core import reference
from core.backward import backward
from core.config import Config, param_shapes
from core.errors import ConfigError, FibraError, SceneError, WeightsError
from core.generate.cache import Cache
from core.generate.loop import generate
from core.generate.sampling import Distribution, Sampling
from core.input_checks import Interventions
from core.model import forward
from core.ops.loss import cross_entropy, squared_error
from core.params import Params, check_params, init_params
from core.presets import PRESETS, Preset
from core.scene.continuation import Writing, write
from core.scene.fields import Notice
from core.scene.run import Run, run
from core.scene.scene import Scene
from core.tokenizer.bpe import BytePair
from core.tokenizer.wordpiece import WordPiece
from core.tokenizer.words import Encoding, OpenVocabulary
from core.trace import NAMES, Trace
from core.train.gradcheck import gradcheck
from core.train.loop import Batch, Checkpoints, Recipe, State, train
from core.weights import Pretrained, load_pretrained

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
