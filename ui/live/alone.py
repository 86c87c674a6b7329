"""What is otherwise without a server: where Fibra runs in the reader's own browser, as WebAssembly (deploy/web).

One thread serves the page and computes, there is one session, and Streamlit is the browser build of it.
"""

from __future__ import annotations

import sys

ALONE = sys.platform == "emscripten"

# Times as long between two slices of a training run: what a tick leaves free is all that the page gets.
PACE = 3 if ALONE else 1
