"""What a tokenizer.json is made of: normalizers, splitters, models and decoders, each by its own name there.

Source: the `tokenizers` library (https://github.com/huggingface/tokenizers), which writes these files; the tests
compare with it, text by text.
"""
