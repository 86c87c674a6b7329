"""core/reference.py, the model in plain lines, against `forward`."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core import reference
from tests.support import configs, random_params, sourced, worst


def same(config: core.Config, params: core.Params, ids: np.ndarray) -> None:
    also = sourced(config, 7)
    trace = core.forward(params, config, ids, **also)
    last = "logits" if config.unembed else [*trace][-1]
    if not config.unembed:
        last = "ln_final.out" if config.final_norm else f"blocks.{config.n_layers - 1}.resid_post"
    assert worst(reference.forward(params, config, ids, **also), trace[last]) < 1e-12


@pytest.mark.parametrize("name", core.PRESETS)
def test_every_preset_gives_the_same(name):
    preset = core.PRESETS[name]
    params = {k: np.asarray(p, np.float64) for k, p in preset.params(preset.config, seed=1).items()}
    same(preset.config, params, np.random.default_rng(0).integers(0, preset.config.vocab_size, 9))


@given(configs, st.integers(1, 12), st.integers(0, 99))
def test_every_config_gives_the_same(config, n, seed):
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, min(n, config.n_ctx))
    same(config, random_params(config, seed), ids)


def test_it_is_short_and_stands_alone():
    source = inspect.getsource(reference)
    code = [line for line in source.splitlines() if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) <= 112
    brought = {line for line in source.splitlines() if "import" in line.split()}
    assert brought == {
        "from __future__ import annotations",
        "import math",
        "import numpy as np",
        "from .config import Config",
        "from .params import Params",
    }
