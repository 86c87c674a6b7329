"""Drift: where each word starts, where the layers take it, and the line between."""

from __future__ import annotations

import streamlit as st

from core import Scene
from core.interpret import PCA, distances, drift_lengths, each_stage, pca
from pictures import compare_drift, drift_said, pinned, ways
from pictures import drift as pictures
from pictures.words import Words
from ui import comparison, controls, explanation, figure, shell, state
from ui.live import live_figure

ROWS = "max-height: 320px; overflow-y: auto"  # the words' list ends where the picture does


@st.fragment
def way(words: Words) -> None:
    """The walk through the layers beside what it shows."""
    scene = state.scene()
    if scene.pinned:
        comparison.differs(scene, words)
        if pinned.alike(scene, tokens=False, width=True):
            _compared(scene, words)
            explanation.draw("drift", words)
            return
        shell.say(words("compare.widths"))
    controls.without_first(scene, words)
    with st.container(key="drift-way"), live_figure.together("drift"):
        _walk(scene, words)
        figure.picture(pictures.drift, scene, words, key="drift", height=pictures.HEIGHT)
        title, height = words("drift.variance"), pictures.VARIANCE_HEIGHT
        figure.picture(pictures.variance, scene, words, key="drift-variance", height=height, title=title)
        rows = shell.listing(drift_said.rows(scene, words))
        title = live_figure.heading(words("drift.rows"))
        live_figure.write(f'{title}<div style="{ROWS}">{rows}</div>', key="drift-rows")
    explanation.draw("drift", words)


def _walk(scene: Scene, words: Words) -> None:
    controls.slider(words("drift.stage"), "drift_stage", 0, ways.layers(scene), 1, ways.passed(scene), look="stage")
    controls.switch(words("drift.solid"), "drift_3d", scene.drift_3d, turn=state.turn)


def _compared(scene: Scene, words: Words) -> None:
    """The pinned drift and the present one, in the pinned basis, and how far apart the words end."""
    with st.container(key="drift-walk"):
        _walk(scene, words)
    builders = (compare_drift.pinned_ways, compare_drift.present_ways, compare_drift.difference)
    alike = compare_drift.ends_alike(scene)
    comparison.row(scene, words, builders, key="drift", height=compare_drift.HEIGHT, alike=alike)


def page(scene: Scene, words: Words) -> None:
    way(words)


shell.Page("drift", page, (each_stage, pca, PCA.project, drift_lengths, distances)).open()
