"""From a checkpoint's folder to a Config and its parameters, and back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..arguments import flag, instance, precision, whole
from ..config import ENCODER, Config, param_shapes
from ..errors import ConfigError, WeightsError
from ..kinds import shown
from ..params import Params, check_params
from ..strict_json import quoted
from ..tokenizer.huggingface import FileTokenizer
from ..tokenizer.pretrained import Vocabulary
from . import safetensors
from .families import OWN, family
from .fields import Fields
from .finite import is_finite
from .folder import CONFIG, WHOLE, Folder
from .gguf_model import GGUFModel
from .names import match
from .plan import Plan
from .stored import Stored
from .transforms import Transform


@dataclass(frozen=True)
class Pretrained:
    """A model from a folder: what `forward` takes, and what turns text into ids."""

    config: Config
    params: dict[str, np.ndarray | Stored]
    tokenizer: FileTokenizer | Vocabulary
    family: str  # the model_type of its config.json
    unused: tuple[str, ...]  # tensors of the file that forward has no use for
    metadata: dict[str, str]  # of the safetensors file
    broken: tuple[str, ...] = ()  # its tensors that hold a number which is not finite; empty where none was looked at


def load_pretrained(
    folder: str | Path,
    *,
    dtype: type | None = None,
    n_ctx: int | None = None,
    without_head: bool = False,
    check: bool = True,
) -> Pretrained:
    """Load a checkpoint in Hugging Face layout (families: core.weights.FAMILIES), one that `save` wrote, or a GGUF one.

    folder: config.json, model.safetensors or its shards and model.safetensors.index.json, and tokenizer.json if any; or
    the path of one file NAME.gguf (llama, mistral, qwen2).
    dtype: of the parameters, float32 or float64. What the file stores so is not copied but mapped: it takes memory as
    it is used, may be edited (the file stays as it is), and must not be cut short meanwhile. None: float32, but for
    matrices that the file stores in fewer bits: these stay mapped too, each a Stored, which is float32 wherever it is
    used. The same numbers come out; float32 takes two to eight times the memory of such a file, and is faster for one
    who runs it often.
    n_ctx: use fewer positions than the model has.
    without_head: leave out what stands over the last hidden state (`BertForMaskedLM` then loads as `BertModel`).
    check: read every number once, a piece at a time, and warn of the tensors that hold NaN or infinity; they are loaded
    all the same, and named in `broken`.

    Raises: WeightsError naming every field of config.json and every tensor that is not implemented, missing, or of a
    wrong shape or dtype; for a tokenizer with more tokens than the model knows; and for damaged or hostile files, all
    before any number is read. ConfigError for an n_ctx that the model does not have.
    Warns: UserWarning naming each tensor that holds a number which is not finite.
    """
    dtype = None if dtype is None else precision("dtype", dtype)
    if n_ctx is not None:
        whole("n_ctx", n_ctx, 1)
    flag("without_head", without_head)
    flag("check", check)
    instance("folder", folder, str, PathLike)
    files = GGUFModel(folder) if Path(folder).suffix == ".gguf" else Folder(folder)
    model_type: Any = files.config.get("model_type")  # `family` refuses what is no name
    fields = Fields(files.config, without_head)
    try:
        plan = family(model_type)(fields)
    except ConfigError as error:
        raise WeightsError(f"{CONFIG}: {error}") from None
    fields.finish()
    config = _context(plan, n_ctx)
    wanted, unused = match(plan, files, without_head)
    tokenizer = files.read_tokenizer()
    _check_vocabulary(tokenizer, config)
    params = _read(wanted, files, dtype)
    for name in ("pos_embed.W_pos", ENCODER + "pos_embed.W_pos"):
        if config.n_ctx != plan.config.n_ctx and name in params:
            params[name] = params[name][: config.n_ctx]
    params = {name: params[name] for name in param_shapes(config)}
    broken = _broken(wanted, files) if check else ()
    return Pretrained(config, params, tokenizer, model_type, unused, files.metadata, broken)


def _check_vocabulary(tokenizer: FileTokenizer | Vocabulary, config: Config) -> None:
    """Raises: WeightsError for one with more tokens than the model has rows. One that is damaged, or not implemented,
    says so itself where it is used: ids can be given in place of text.
    """
    try:
        tokens = 0 if tokenizer.problem else len(tokenizer.tokens)
    except WeightsError:
        return
    if tokens > config.vocab_size:
        raise WeightsError(f"its tokenizer has {tokens:,} tokens; the model knows {config.vocab_size:,}")


def _broken(wanted: Mapping[str, Transform], files: Folder | GGUFModel) -> tuple[str, ...]:
    """The tensors in use that hold a number which is not finite; of each a warning that names it."""
    broken = []
    for name, transform in wanted.items():
        source, there = files.source(name)
        with source.opened() as file:
            if is_finite(file, files[name]):
                continue
        broken.append(there)
        here = ", ".join(transform.targets)
        warnings.warn(f"{source.name}: tensor {quoted(there)} ({here}) holds NaN or infinity", stacklevel=3)
    return tuple(broken)


def _context(plan: Plan, n_ctx: int | None) -> Config:
    """The Config with so few positions that a sliding window, if there is one, hides nothing."""
    most = plan.config.n_ctx
    if plan.window is not None and plan.window < most:
        if plan.window < limits.TOKENS and (n_ctx is None or n_ctx > plan.window):
            raise WeightsError(
                f"{CONFIG}: sliding_window: {plan.window} of {most} positions is not implemented; "
                f"load_pretrained(folder, n_ctx={plan.window}) loads what it leaves whole"
            )
        most = plan.window
    if n_ctx is not None and not 1 <= n_ctx <= most:
        raise ConfigError(f"n_ctx: {shown(n_ctx)} is not in 1..{most}", "n_ctx")
    return plan.config.replace(n_ctx=most if n_ctx is None else int(n_ctx))


def _read(
    wanted: Mapping[str, Transform], files: Folder | GGUFModel, dtype: type | None
) -> dict[str, np.ndarray | Stored]:
    params: dict[str, np.ndarray | Stored] = {}
    # What is added to a parameter comes after the parameter itself.
    for name, transform in sorted(wanted.items(), key=lambda item: item[1].added):
        for target, part in zip(transform.targets, files.parts(name, transform, dtype), strict=True):
            params[target] = params[target] + part if transform.added else part
    return params


# ----------------------------------------------------------------------------------------------------------- saving


def save(
    folder: str | Path,
    params: Params,
    config: Config,
    *,
    dtype: str = "F32",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write config.json and model.safetensors, in our own names, for `load_pretrained`. Equal models: equal bytes.

    dtype: F64, F32, or F16 (half the size; about three digits). metadata: any strings, kept in the safetensors file.
    Raises: ConfigError for parameters that do not fit the Config; WeightsError for numbers that F16 cannot hold,
    and for metadata that could not be read again.
    """
    instance("folder", folder, str, PathLike)
    check_params(params, config)
    if dtype not in ("F64", "F32", "F16"):
        raise WeightsError(f"dtype: {quoted(dtype)} is not one of F64, F32, F16")
    with np.errstate(over="ignore"):
        stored = {name: np.asarray(array, safetensors.DTYPES[dtype]) for name, array in params.items()}
    for name, array in stored.items():
        if not np.isfinite(array).all():
            raise WeightsError(f"{name}: has numbers that are not finite as {dtype}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.write(folder / WHOLE, stored, metadata)
    text = json.dumps({"model_type": OWN} | asdict(config), indent=2) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
