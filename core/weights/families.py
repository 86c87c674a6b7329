"""Which model families there are, by the model_type of their config.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from .. import limits
from ..config import TYPES, Config, RotaryScaling, param_shapes
from ..errors import WeightsError
from ..strict_json import quoted
from .bart import bart, marian
from .bert import bert, distilbert, roberta
from .fields import Fields
from .gpt import gpt2, gpt_neox
from .llama import llama, mistral, qwen2
from .plan import Plan
from .transforms import same

OWN = "fibra"


def fibra(f: Fields) -> Plan:
    """The Plan of what `save` wrote: the Config's own fields, and the parameters under their own names."""
    f.layers("n_layers", 1)
    if f.get("n_encoder_layers"):
        f.layers("n_encoder_layers", 1)
    values: dict[str, Any] = {}
    for name in TYPES:
        value = f.get(name)
        if isinstance(value, int) and abs(value) > limits.PARAMETERS:
            f.refuse(name, f"at most {limits.PARAMETERS:,}")
        if value is not None:
            values[name] = value
    scaling = values.get("rotary_scaling")
    if scaling is not None:
        if not isinstance(scaling, dict) or {*scaling} != {one.name for one in fields(RotaryScaling)}:
            f.refuse("rotary_scaling", "an object with " + ", ".join(one.name for one in fields(RotaryScaling)))
        values["rotary_scaling"] = RotaryScaling(**scaling)
    config = Config(**values)
    return Plan(config, {name: same(name) for name in param_shapes(config)})


FAMILIES: dict[str, Callable[[Fields], Plan]] = {
    OWN: fibra,
    "gpt2": gpt2,
    "bert": bert,
    "distilbert": distilbert,
    "roberta": roberta,
    "llama": llama,
    "qwen2": qwen2,
    "mistral": mistral,
    "gpt_neox": gpt_neox,
    "marian": marian,
    "bart": bart,
}


def family(model_type: Any) -> Callable[[Fields], Plan]:
    """Raises: WeightsError for a model_type that is not implemented."""
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise WeightsError(
            f"config.json: model_type: {quoted(model_type)} is not implemented; {', '.join(FAMILIES)} are"
        )
    return FAMILIES[model_type]
