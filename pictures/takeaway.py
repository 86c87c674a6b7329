"""What a reader takes home from a page: its numbers, the trace, and the program that computes them anew."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial

from core import Run, Scene, export
from pictures import compute, display_names, stacks
from pictures.translate import text as texts
from pictures.words import Words

# The arrays that a page draws, as patterns; {layer} is the chosen one, {look.} of the attention that is shown. Other
# pages draw all patterns of that.
DRAWN = {
    "start": ("*",),
    "attention": ("{look.reads}", "{look.looked_in}", "{look.prefix}blocks.{look.place[0]}.{look.part}.*"),
    "drift": ("embed", "blocks.*.resid_pre", "blocks.*.resid_post", "ln_final.out"),
    "block": ("blocks.{layer}.*",),
    "translate": ("encoder.blocks.*.attn.pattern", "blocks.*.attn.pattern", "blocks.*.cross.pattern"),
    "generate": ("blocks.*.resid_post", "ln_final.out", "logits"),
}
HEADINGS = ("array", "layer", "head", "position", "token", "counted")


def run(page: str, scene: Scene) -> Run:
    """What a page shows of a Scene: on Translate, what is written with the words that the reader forces."""
    found = compute.run(scene)
    if page != "translate" or (text := texts.translated(scene)) is None:
        return found
    weights = partial(compute.params, scene.computed)
    return Run(scene, text.config, weights, text.source, found.embeddings, text.trace, text.target)


def table(page: str, scene: Scene, words: Words) -> bytes:
    """The numbers of a page as CSV, in UTF-8 with the mark by which spreadsheets know it."""
    look = stacks.looks(scene)
    drawn = DRAWN.get(page, ("{look.prefix}blocks.*.{look.part}.pattern",))
    names = [name.format(layer=scene.place[0], look=look) for name in drawn]
    headings = [words(f"takeaway.columns.{name}") for name in HEADINGS]
    return export.table(run(page, scene), names, headings, comma=words.comma).encode("utf-8-sig")


def trace(page: str, scene: Scene) -> bytes:
    """Every array of the trace, as .npz."""
    return export.archive(run(page, scene))


def notebook(page: str, scene: Scene, words: Words) -> bytes:
    """The program as a Jupyter notebook; where its weights are a file of their own, both in a zip."""
    return _program(page, scene, words, export.notebook, "fibra.ipynb")


def script(page: str, scene: Scene, words: Words) -> bytes:
    """The same as one Python file."""
    return _program(page, scene, words, export.script, "fibra.py")


def lens(scene: Scene, words: Words) -> bytes:
    """The Scene for TransformerLens, as it is where `lens_refused` says nothing: a zip of a script and its weights."""
    made = export.transformer_lens(scene, compute.run(scene))
    return _written(made, scene, words, export.script, "fibra_transformer_lens.py", export.LENS_FILE, "lens_sections.")


def lens_refused(scene: Scene, words: Words) -> str:
    """Why TransformerLens cannot be this Scene's model; "" where it can."""
    why = export.refused(scene)
    return words("takeaway.lens", why=words(f"takeaway.lens_refused.{why}")) if why else ""


def ends(scene: Scene, ending: str) -> str:
    """How the name of a program's file ends: a zip, where the weights lie beside it."""
    return "zip" if scene.preset.trained and export.lies_beside(scene.config) else ending


def _program(page: str, scene: Scene, words: Words, write: Callable[..., str], name: str) -> bytes:
    made = export.program(scene, run(page, scene))
    return _written(made, scene, words, write, name, export.WEIGHTS_FILE, "sections.")


def _written(
    made: export.Program, scene: Scene, words: Words, write: Callable[..., str], name: str, beside: str, says_of: str
) -> bytes:
    """The text of a program, or a zip of it with the weights that lie `beside`."""
    model = display_names.called(scene.model, scene.preset, words)
    says = {section: words(f"takeaway.{says_of}{section}") for section in made.sections}
    text = write(made, words("takeaway.program", model=model), says).encode("utf-8", "backslashreplace")
    if made.weights is None:
        return text
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as both:
        both.writestr(name, text)
        both.writestr(beside, made.weights)
    return file.getvalue()
