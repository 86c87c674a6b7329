"""A checkpoint's tensors against a family's name map: none unknown, none missing, none of a wrong shape or dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..config import ENCODER, Config, param_shapes
from ..errors import WeightsError
from ..strict_json import quoted
from .folder import Folder
from .gguf_model import GGUFModel
from .half_precision import HALVES
from .plan import Plan
from .quantized import FORMATS
from .transforms import Transform

FLOATS = ("F64", "F32", "F16", "BF16", *FORMATS)


def match(plan: Plan, files: Folder | GGUFModel, without_head: bool) -> tuple[dict[str, Transform], tuple[str, ...]]:
    """{tensor: what becomes of it}, and the tensors that forward has no use for; the names are the file's own.

    Raises: WeightsError for a tensor that is unknown, missing, there twice, or of a wrong shape or dtype.
    """
    config = plan.config
    body = _of_each_block(plan.body, config)
    head = dict(plan.head if config.unembed and not config.tied_unembed else {}) | dict(
        plan.bias if config.unembed else {}
    )
    useless = {name.replace("{i}", str(i)) for name in plan.unused for i in range(config.n_layers)}
    whole = bool(plan.prefix) and any(name.startswith(plan.prefix) for name in files)
    prefix = plan.prefix if whole else ""

    found: dict[str, str] = {}
    unused, unknown, copies, repeated = [], [], [], []
    for stored in files:
        name = _renamed(stored, plan.renamed)
        # Beside a body with its prefix, all else is a head; in a body saved alone, all but the head's known names.
        in_body = name.startswith(prefix) if whole else name not in plan.head and name not in plan.bias
        name = name.removeprefix(prefix) if in_body else name
        if name in (body if in_body else head):
            if name in found:
                raise WeightsError(f"tensor {quoted(stored)}: is there again as {quoted(found[name])}")
            found[name] = stored
        elif in_body and name in useless:
            unused.append(stored)
        elif in_body and name in plan.copies:
            repeated.append(stored)
        elif not in_body and (without_head or name in plan.head or name in plan.bias):
            unused.append(stored)
            copies.append(stored)
        else:
            unknown.append(stored)
    table = next(name for name, transform in body.items() if "embed.W_E" in transform.targets)
    if repeated and table not in found:
        found[table] = repeated.pop()
    unused += repeated
    _check_unknown(unknown, prefix)
    _check_missing([prefix + name for name in body if name not in found] + [n for n in head if n not in found])
    wanted = {found[name]: transform for name, transform in (*body.items(), *head.items())}
    _check_shapes(wanted, plan, files)
    _check_copies(repeated + (copies if config.tied_unembed else []), found[table], files)
    return wanted, tuple(unused)


def _of_each_block(table: Mapping[str, Transform], config: Config) -> dict[str, Transform]:
    names: dict[str, Transform] = {}
    for name, transform in table.items():
        if "{i}" in name:
            of_encoder = all(target.startswith(ENCODER) for target in transform.targets)
            n_layers = config.n_encoder_layers if of_encoder else config.n_layers
            names |= {name.replace("{i}", str(i)): transform.of_block(i) for i in range(n_layers)}
        else:
            names[name] = transform
    return names


def _renamed(name: str, renamed: Iterable[tuple[str, str]]) -> str:
    for old, new in renamed:
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _check_unknown(names: list[str], prefix: str) -> None:
    if not names:
        return
    heads = [name for name in names if prefix and not name.startswith(prefix)]
    advice = "; load_pretrained(folder, without_head=True) loads what is under that head" if heads == names else ""
    raise WeightsError(f"{_listed(names)}: not implemented in this family of models{advice}")


def _check_missing(names: list[str]) -> None:
    if names:
        raise WeightsError(f"{_listed(names)}: missing, and config.json asks for it")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return "tensor " + ", ".join(quoted(name) for name in sorted(names)[:3]) + more


def _check_shapes(wanted: Mapping[str, Transform], plan: Plan, files: Folder | GGUFModel) -> None:
    shapes = param_shapes(plan.config)
    for name, transform in wanted.items():
        entry = files[name]
        right = transform.shape([shapes[target] for target in transform.targets])
        if entry.shape != right:
            raise WeightsError(f"tensor {quoted(name)}: has shape {entry.shape}; config.json asks for {right}")
        if entry.dtype not in FLOATS:
            raise WeightsError(f"tensor {quoted(name)}: has dtype {entry.dtype}, not one of {', '.join(FLOATS)}")


def _check_copies(copies: list[str], embedding: str, files: Folder | GGUFModel) -> None:
    """Some files keep a tied unembedding a second time. If it is another matrix, versions disagree on what counts."""
    for name in copies:
        one, two = (files.array(n, HALVES.get(files[n].dtype)) for n in (name, embedding))
        if files[name].dtype != files[embedding].dtype or not np.array_equal(one, two):
            raise WeightsError(f"tensor {quoted(name)}: differs from {quoted(embedding)}, although tie_word_embeddings")
