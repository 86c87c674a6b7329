"""The MLP's non-linearities, elementwise, by name: relu, gelu, gelu_tanh, silu.

Under each its backward: the gradient dy that comes in, times the slope. It is given x and what the forward gave, y.
"""

from __future__ import annotations

import math

import numpy as np

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0): x [...] -> [...] (Nair & Hinton 2010)."""
    return np.maximum(x, 0)


def relu_backward(dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dy times 1 where x > 0, else 0: dy [...], x [...], y [...] -> dx [...]. At 0 itself 0, as is usual."""
    # y = max(x, 0)
    return dy * (y > 0)


def gelu(x: np.ndarray) -> np.ndarray:
    """x Phi(x), Phi the normal distribution function: x [...] -> [...] (Hendrycks & Gimpel 2016, section 2)."""
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def gelu_backward(dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dy (Phi(x) + x phi(x)), phi = Phi' the normal density: dy [...], x [...], y [...] -> dx [...]."""
    # y = x Phi(x)
    square = x * x
    Phi = _gate(x, y, square)
    slope = np.exp(-0.5 * square)
    slope *= x
    slope *= 1 / math.sqrt(2 * math.pi)
    slope += Phi
    slope *= dy
    return slope


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): x [...] -> [...].

    The approximation that GPT-2 uses (Hendrycks & Gimpel 2016, section 2).
    """
    y = x * x
    y *= 0.044715 * SQRT_2_OVER_PI
    y += SQRT_2_OVER_PI
    y *= x
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= 0.5
    return y


def gelu_tanh_backward(dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dy (g + x g'): dy [...], x [...], y [...] -> dx [...].

    g = 0.5 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3), and so g' = 2 g (1 - g) u'.
    """
    # y = x g
    slope = x * x
    g = _gate(x, y, slope)
    slope *= 6 * 0.044715 * SQRT_2_OVER_PI
    slope += 2 * SQRT_2_OVER_PI
    slope *= y  # 2 x g u'
    return _gated(dy, g, slope)


def silu(x: np.ndarray) -> np.ndarray:
    """x sigmoid(x): x [...] -> [...] (Elfwing et al. 2017, eq. 8).

    tanh keeps it from overflowing: sigmoid(x) = (1 + tanh(x/2)) / 2.
    """
    y = np.tanh(0.5 * x)
    y += 1
    y *= x
    y *= 0.5
    return y


def silu_backward(dy: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """dy (s + x s (1 - s)), with s = sigmoid(x): dy [...], x [...], y [...] -> dx [...]."""
    # y = x s
    return _gated(dy, _gate(x, y, x * x), y.copy())


def _gate(x: np.ndarray, y: np.ndarray, square: np.ndarray) -> np.ndarray:
    """y / x: x [...], y [...], square [...] -> [...].

    The share of x that an activation has let through, for these three 1/2 at 0. square: x^2.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = y / x
    gate[square == 0] = 0.5  # also where x is so small that y has lost its digits
    return gate


def _gated(dy: np.ndarray, g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """dy (g + a (1 - g)): dy [...], g [...], a [...] -> [...].

    As dy (1 - (1 - a) (1 - g)), so that g and a, which are used up, need no third.
    """
    a -= 1
    g -= 1
    a *= g
    np.subtract(1, a, out=a)
    a *= dy
    return a


ACTIVATIONS = {"relu": relu, "gelu": gelu, "gelu_tanh": gelu_tanh, "silu": silu}
# Each takes dy, x and the y that the forward gave, all [...], and gives dx.
ACTIVATIONS_BACKWARD = {
    "relu": relu_backward,
    "gelu": gelu_backward,
    "gelu_tanh": gelu_tanh_backward,
    "silu": silu_backward,
}


# NumPy has no erf, and gelu needs it to the last digit. Rational approximations of W. J. Cody, "Rational Chebyshev
# approximation for the error function", Mathematics of Computation 23 (1969): relative error below 6e-19 in each range.
_SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip


def erf(x: np.ndarray) -> np.ndarray:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, in x's own dtype: x [...] -> [...] (Cody 1969)."""
    size = np.abs(x)
    # Past 6 both float32 and float64 round erf to 1; the clip keeps exp and the quotient in range.
    clipped = np.minimum(size, 6)
    outer = 1 - np.exp(-clipped * clipped) * _ratio(_MIDDLE, clipped)
    inner = size * _ratio(_SMALL, clipped * clipped)
    return np.copysign(np.where(size <= 0.46875, inner, outer), x)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    """One polynomial over another, each from its highest power down (Horner's rule): x [...] -> [...]."""
    top, bottom = (np.full_like(x, row[0]) for row in coefficients)
    for total, row in ((top, coefficients[0]), (bottom, coefficients[1])):
        for c in row[1:]:
            total *= x
            total += c
    return top / bottom
