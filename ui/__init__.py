"""The Streamlit side: the shell around every page, the Scene's state, controls, words, and the live figure."""
