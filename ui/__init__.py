"""The Streamlit side: the shell around every page, the Scene's state, controls, caches, words, and the live figure."""
