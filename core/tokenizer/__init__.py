"""From text to tokens: what a text may hold, words and characters, BPE, WordPiece, and Hugging Face's own files."""
