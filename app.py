"""Fibra: the playground of attention. Nothing but the way to the pages, which pictures/pages.py lists."""

from ui import process

process.prepare()

from ui.live import menu  # noqa: E402  NumPy comes with it, and reads how many threads BLAS may take

menu.navigate().run()
