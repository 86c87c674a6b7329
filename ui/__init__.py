"""The Streamlit side: the shell around every page, the Scene's state, controls, caches, words, and the live figure."""

import os

# Before NumPy is imported, which is when BLAS reads it. Many sessions share two cores: with one thread each, 60
# sessions took 45 instead of 139 % of a core, and the worst forward 13 instead of 377 ms.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
