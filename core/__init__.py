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
from core.bpe import BytePair
from core.cache import Cache
from core.config import Config, param_shapes
from core.errors import ConfigError, FibraError, SceneError, WeightsError
from core.generate import generate
from core.gradcheck import gradcheck
from core.inputs import Interventions
from core.model import forward
from core.ops.loss import cross_entropy, squared_error
from core.params import Params, check_params, init_params
from core.presets import PRESETS, Preset
from core.query import Notice
from core.run import Run, run
from core.sampling import Distribution, Sampling
from core.scene import Scene
from core.tokenizer import Encoding, OpenVocabulary
from core.trace import NAMES, Trace
from core.train import Batch, Checkpoints, Recipe, State, train
from core.weights import Pretrained, load_pretrained
from core.wordpiece import WordPiece
from core.writing import Writing, write

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
