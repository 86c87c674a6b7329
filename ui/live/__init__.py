"""The browser side: components, their scripts and sheets, and every touch of what Streamlit and Plotly keep private."""
