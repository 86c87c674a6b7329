"""One app for several versions of Streamlit: what a newer one does by itself is done here, or left out."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from ui.live import internals

_HAND_OVER = """export default (component) => {
  ((window.fibraLibraries ??= {})["__NAME__"] ??= []).push(component);
};"""


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
    internals.complete_runtime()
    mount = st.components.v2.component(name, **parts)

    def mount_anywhere(**kwargs: Any) -> Any:
        try:
            return mount(**kwargs)
        except ValueError:
            return st.components.v2.component(name, **parts)(**kwargs)

    return mount_anywhere


def component_of(
    stem: str, *styles: str, private: Sequence[str] = (), isolated: bool = True, css: str = ""
) -> Callable[..., Any] | None:
    """The component that `stem`.js makes, with `css` and the sheets `styles`, one after the other; None without
    components.v2.

    `private` are the sections of internals.js that its script needs. isolated: the page's styles do not reach it.
    """
    if not hasattr(st.components, "v2"):
        return None
    css += sheet(*styles)
    parts = {"css": css} if css else {}
    return component(f"fibra_{stem}", js=script(stem, private=private), isolate_styles=isolated, **parts)


def library_of(
    stem: str, *styles: str, private: Sequence[str] = ()
) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Two components, for what stands on a page many times; None without components.v2.

    Each message of a component repeats its script. So the first of the two is a library, which a page mounts once: the
    function `receive` of `stem`.js, and the sheets `styles`. The second has its data alone, and hands itself over.
    """
    if not hasattr(st.components, "v2"):
        return None
    source = script(stem, "library", private=("wrappers", *private), CSS=sheet(*styles), NAME=stem)
    one = _HAND_OVER.replace("__NAME__", stem)
    return component(f"fibra_{stem}_library", js=source, isolate_styles=False), component(f"fibra_{stem}", js=one)


def script(*stems: str, private: Sequence[str], **values: Any) -> str:
    """The scripts `stems` as one, after the sections `private` of internals.js; in it each of `values` stands where it
    says "__NAME__"."""
    parted = (section.partition("\n") for section in _file("internals.js").split("// ==== "))
    sections = {name: text for name, _, text in parted}
    source = "".join([*(sections[name] for name in private), *(_file(f"{stem}.js") for stem in stems)])
    for name, value in values.items():
        source = source.replace(f'"__{name}__"', json.dumps(value, separators=(",", ":")))
    return source


def sheet(*stems: str) -> str:
    """The style sheets `stems` as one."""
    return "".join(_file(f"{stem}.css") for stem in stems)


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def once(key: str, trigger: str) -> Any:
    """What the component with this key told by a trigger; None where that was heard before. It names its moment.

    Triggers that come faster than the server answers arrive together, and each calls back with the last one.
    """
    told, heard = st.session_state.get(key, {}).get(trigger), f"{key}.{trigger}.heard"
    if told is None or told == st.session_state.get(heard):
        return None
    st.session_state[heard] = told
    return told


def usable(component: Callable[..., Any] | None) -> bool:
    """Whether a control of our own can stand for Streamlit's: not where FIBRA_PLAIN_SLIDERS=1 asks for theirs."""
    return component is not None and os.environ.get("FIBRA_PLAIN_SLIDERS") != "1"


@cache
def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that `function` takes, or None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)
