"""The errors of a gradient check, as a picture."""

from __future__ import annotations

import numpy as np

from core.train.gradcheck import GOOD, Check
from pictures.compute import Picture
from pictures.train.curves import power
from pictures.train.view import View
from pictures.words import Words
from plots import gradient_errors


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
        good=GOOD,
        good_name=words("train.check.good"),
        bad_name=words("train.check.bad"),
        value_title=words("train.check.error"),
        alt=says,
    )
    return Picture(figure, says)
