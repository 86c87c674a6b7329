"""The Streamlit side: the shell around every page, the Scene's state, controls, caches, words, and the live figure."""

import gc
import os

from pictures import heap

# Before NumPy is imported, which is when BLAS reads it. Many sessions share two cores: with one thread each, 60
# sessions took 45 instead of 139 % of a core, and the worst forward 13 instead of 377 ms.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

heap.tame()

# What a page's run leaves behind lives on until the session's next run, some seconds later. By default (700, 10, 10)
# Python looks for garbage among what is younger than half a second, and takes what a class leaves for things that last:
# then it looks through all that it holds, and no knob turns meanwhile: 0.16 s, every 5 s with 40 sessions. So the young
# grow ten times older first; and all is looked through a little sooner after that, for sessions that are over.
gc.set_threshold(7000, 10, 3)
