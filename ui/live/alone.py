"""What is otherwise without a server: where Fibra runs in the reader's own browser, as WebAssembly (deploy/web).

One thread serves the page and computes, there is one session, and Streamlit is the browser build of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st

from core.presets import BEFORE_WEIGHTS

ALONE = sys.platform == "emscripten"

# Times as long between two slices of a training run: what a tick leaves free is all that the page gets.
PACE = 3 if ALONE else 1
BESIDE = "FIBRA_BESIDE"  # of the environment: the address of the folder that the app lies in, which index.html gives
WEIGHTS = "model.safetensors"


def bring(folder: Path) -> None:
    """Have a shipped model's weights in its folder, fetched when they are first asked for.

    Computing waits for them, as there is one thread. Where they cannot be had, the page ends there and says so.
    """
    file = folder / WEIGHTS
    if not file.exists():
        data = _fetched(f"{os.environ[BESIDE]}models/{folder.name}/{WEIGHTS}")
        if data is None:
            _cannot()
        else:
            file.write_bytes(data)


def _fetched(address: str) -> bytes | None:
    """A file, by the browser; None where it is not to be had. The service worker answers where there is no network."""
    from js import XMLHttpRequest  # Pyodide's, in its worker: there alone a request may be waited for
    from pyodide.ffi import JsException

    asked = XMLHttpRequest.new()
    asked.open("GET", address, False)
    asked.responseType = "arraybuffer"
    try:
        asked.send()
    except JsException:
        return None
    return asked.response.to_bytes() if asked.status == 200 else None


def _cannot() -> None:
    from ui import state  # which comes by way of this module

    st.warning(state.words()("web.weights"))
    st.stop()


if ALONE:
    BEFORE_WEIGHTS.append(bring)
