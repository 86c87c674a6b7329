"""One app for several versions of Streamlit: newer keywords are left out where the installed one does not know them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any


def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` without the keywords that it does not take."""
    known = _keywords(getattr(function, "__func__", function))  # a method in the cache would keep its object alive
    if known is not None:
        kwargs = {name: value for name, value in kwargs.items() if name in known}
    return function(*args, **kwargs)


@cache
def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that `function` takes, or None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)
