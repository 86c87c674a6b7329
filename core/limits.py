"""Every limit of Fibra, in one place, with the memory that each allows (float32, 4 bytes a number)."""

from __future__ import annotations

# What a reader may type.
SENTENCE_CHARACTERS = 640  # a URL of under 2 kB even when every character is percent-encoded twice over
TOKENS = 64  # patterns of the largest model: 12 layers x 16 heads x 64 x 64 = 3.1 MB a copy, four copies in a trace

# What a reader may turn. The largest Config they allow has 12.6 million parameters: 50 MB.
D_MODEL = (2, 256)
HEADS = (1, 16)
LAYERS = (1, 12)
D_MLP = (0, 1024)
SEED = (0, 9999)
TEMPERATURE = (0.05, 20.0)  # below, exp() of a scaled score leaves float32's range on ordinary inputs
EDIT = (-1000.0, 1000.0)  # a hand-edited coordinate; its square times d_model stays far from float32's 3e38
EDITS = 512  # coordinates edited at once: 16 kB of Scene

# What the API accepts, for real weights: 4 GB in float32 is the most that an ordinary laptop holds.
PARAMETERS = 1_000_000_000

# What a server keeps, in bytes, for all sessions together (Community Cloud gives about 690 MB in the worst case).
PARAMS_CACHE = 64 << 20
TRACE_CACHE = 96 << 20
FIGURE_CACHE = 32 << 20
