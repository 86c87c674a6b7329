"""One app for several versions of Streamlit: what a newer one does by itself is done here, or left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)` without the keywords that it does not take."""
    known = _keywords(getattr(function, "__func__", function))  # a method in the cache would keep its object alive
    if known is not None:
        kwargs = {name: value for name, value in kwargs.items() if name in known}
    return function(*args, **kwargs)


def component(name: str, **parts: Any) -> Callable[..., Any]:
    """`st.components.v2.component`, known in every runtime of the process.

    Each AppTest is a runtime of its own, and a module is imported only once. Before Streamlit registered a component
    again by itself, mounting it in a runtime that had not seen the import raised ValueError.
    """
    mount = st.components.v2.component(name, **parts)

    def mount_anywhere(**kwargs: Any) -> Any:
        try:
            return mount(**kwargs)
        except ValueError:
            return st.components.v2.component(name, **parts)(**kwargs)

    return mount_anywhere


def component_of(stem: str) -> Callable[..., Any] | None:
    """The component that `stem`.js makes, and `stem`.css if there is one; None where components.v2 is missing."""
    if not hasattr(st.components, "v2"):
        return None
    files = {kind: Path(__file__).with_name(f"{stem}.{kind}") for kind in ("js", "css")}
    parts = {kind: path.read_text(encoding="utf-8") for kind, path in files.items() if path.exists()}
    return component(f"fibra_{stem}", **parts)


@cache
def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that `function` takes, or None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)
