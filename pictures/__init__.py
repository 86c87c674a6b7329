"""What each page draws: pure functions (Scene, Words) -> Picture. No Streamlit here, so each is tested as it is."""
