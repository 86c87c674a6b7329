"""Arrays and labels in, Plotly figures out: plain dicts, with colours as tokens that the reader's theme resolves."""
