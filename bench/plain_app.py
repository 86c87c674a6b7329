"""The bare peer: one slider and one heatmap, written the way Streamlit's own documentation would."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

temperature = st.slider("Temperature", 0.1, 3.0, 1.0, 0.05, key="knob")
scores = np.random.default_rng(0).normal(size=(5, 5))
weights = np.exp(scores / temperature)
weights /= weights.sum(axis=1, keepdims=True)
st.plotly_chart(go.Figure(go.Heatmap(z=weights, zmin=0, zmax=1)))
