"""The errors of a gradient check, as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import Scene
from core.train.gradcheck import GOOD, STEP, Check, Objective, gradcheck, gradcheck_all, next_token
from pictures.compute import Picture
from pictures.numbers import Bars
from pictures.train.curves import power
from pictures.train.view import View
from pictures.words import Words
from plots import gradient_errors


def chosen(view: View) -> tuple[str, tuple[int, ...]]:
    """The weight that the Scene names, inside this model: a parameter and the place in it; of none here, W_Q."""
    scene, names = view.scene, view.params
    name = scene.check_parameter if scene.check_parameter in names else Scene.check_parameter
    places = (scene.check_row, scene.check_column)
    return name, tuple(min(at, size - 1) for at, size in zip(places, names[name].shape, strict=False))


def of(view: View) -> Check:
    """The check of that weight on the example."""
    return along(view, *chosen(view), view.scene.check_nudge)


def along(view: View, name: str, where: tuple[int, ...] | np.ndarray, step: float = STEP) -> Check:
    """The check of one weight of a parameter, or along a direction of it; by default as `everything` takes it."""
    about = {"step": step, "bug": view.scene.check_bug, **inputs(view)}
    return gradcheck(view.params, view.run.config, objective(view), name, where, **about)


def everything(view: View) -> list[Check]:
    """The check of every parameter, along a random direction each."""
    return gradcheck_all(view.params, view.run.config, objective(view), bug=view.scene.check_bug, **inputs(view))


def objective(view: View) -> Objective:
    """The loss of the example."""
    _, targets, mask = view.row
    return next_token(targets[None], mask[None])


def inputs(view: View) -> dict[str, Any]:
    """What `forward` takes of it: a batch of one row."""
    return {"ids": view.row[0][None], "source": None if view.source is None else view.source[None]}


def height(view: View) -> int:
    return gradient_errors.height(len(view.params))


def checks(found: list[Check], words: Words) -> Picture:
    """The errors of all parameters; a sentence tells how many are wrong, and which the bug must come after."""
    values = np.array([check.error for check in found])
    wrong = [check.name for check in found if not check.agrees]
    coarse = sum(check.coarse for check in found)
    if not np.isfinite(values).all():
        says = words("train.check.lost")
    elif wrong:
        says = words("train.check.says_wrong", n=len(wrong), all=len(found), last=wrong[-1])
    else:
        says = words("train.check.says_right", all=len(found), worst=power(float(values.max()), words))
        says += " " + words("train.check.says_coarse", n=coarse) if coarse else ""
    figure = gradient_errors.gradient_errors(
        values,
        [check.name.replace("blocks.", "") for check in found],
        [power(value, words) if np.isfinite(value) else "NaN" for value in values.tolist()],
        good=GOOD,
        good_name=words("train.check.good"),
        bad_name=words("train.check.bad"),
        value_title=words("train.check.error"),
        alt=says,
    )
    return Picture(figure, says, Bars(tuple((f"check_error.{check.name}", (0,)) for check in found)))
