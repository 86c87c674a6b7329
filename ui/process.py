"""What is set once for the whole process, for many sessions on two cores: BLAS' threads, the heap, the collector.

Importing changes nothing: app.py calls `prepare` before it imports anything else, and so does each page for the case
that it runs alone.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock

from pictures import heap

# Read by BLAS as NumPy brings it. With one thread each, 60 sessions took 45 instead of 139 % of a core, and the worst
# forward 13 instead of 377 ms.
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

# What a page's run leaves behind lives on until the session's next run, some seconds later. By default (700, 10, 10)
# Python looks for garbage among what is younger than half a second, and takes what a class leaves for things that last:
# then it looks through all that it holds, and no knob turns meanwhile: 0.16 s, every 5 s with 40 sessions. So the young
# grow ten times older first; and all is looked through a little sooner after that, for sessions that are over.
GENERATIONS = (7000, 10, 3)


_one = Lock()  # between sessions; nothing here starts a thread


def prepare() -> None:
    """Prepare this process, once: who comes meanwhile waits. Whoever sets one of THREADS in the environment is obeyed.

    core is imported here. Where one session imports it while another's page asks for a part of it, each waits for what
    the other has begun: the first visitors of a class that comes at once were shown Python's word for that.
    """
    with _one:
        _prepare()


@cache
def _prepare() -> None:
    for name in THREADS:
        os.environ.setdefault(name, "1")
    if "numpy" in sys.modules:  # a page ran before app.py: a first visitor came by its link
        _tell_blas(os.environ[THREADS[0]])
    heap.tame()
    gc.set_threshold(*GENERATIONS)
    internals = import_module("ui.live.internals")
    internals.shorten_deep_addresses()
    internals.send_frontend_packed()
    internals.send_plotly_early()
    internals.leave_left_pages()
    internals.lighten_states()
    internals.keep_theme()
    core = import_module("core")
    for name in core.__all__:  # each is imported when it is first asked for
        getattr(core, name)
    import_module("ui.log").listen()


def _tell_blas(threads: str) -> None:
    """Tell the OpenBLAS of NumPy's wheels, which has read its environment already. (Last seen in NumPy 2.4.)"""
    folder = Path(sys.modules["numpy"].__file__).parent.with_name("numpy.libs")
    for library in folder.glob("*openblas*"):
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads"):
            tell = getattr(ctypes.CDLL(str(library)), name, None)
            if tell and threads.isdecimal():
                tell(int(threads))
