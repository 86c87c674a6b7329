"""Every limit of Fibra, in one place, with the memory that each allows (float32, 4 bytes a number)."""

from __future__ import annotations

import os


def _megabytes(variable: str, usual: int, least: int) -> int:
    """Bytes: as many megabytes as the environment says, where it says a whole number."""
    said = os.environ.get(variable, "")
    return max(least, int(said) if said.isascii() and said.isdigit() else usual) * 1_000_000


# What a reader may type.
SENTENCE_CHARACTERS = 640  # a URL of under 2 kB even when every character is percent-encoded twice over
LONG_CHARACTERS = 1_600  # of what a real model reads: 256 tokens of ordinary text, in a URL of under 5 kB
TYPED = 100_000  # characters of what is typed or pasted there: only so many are looked at before it is cut
TOKENS = 64  # patterns of the largest model: 12 layers x 16 heads x 64 x 64 = 3.1 MB a copy, four copies in a trace

# What a reader may turn. The largest Config they allow has 12.6 million parameters: 50 MB.
D_MODEL = (2, 256)
HEADS = (1, 16)
LAYERS = (1, 12)
D_MLP = (0, 1024)
SEED = (0, 9999)
TEMPERATURE = (0.05, 20.0)  # below, exp() of a scaled score leaves float32's range on ordinary inputs
EDIT = (-1000.0, 1000.0)  # a hand-edited coordinate; its square times d_model stays far from float32's 3e38
UNDO = 200  # Scenes that a session can bring back: under 100 kB each way, for turns share what they do not change
NUDGE = (1e-9, 0.1)  # of a weight, in float64: smaller ones drown in rounding, larger ones leave the tangent
HEAT = (0.0, 3.0)  # temperature of a draw; by 3 even a trained model's favourites are drawn seldom
TOP_K = (1, 1000)
TOP_P = (0.01, 1.0)
BEAMS = (1, 8)  # texts that a search keeps
NEW_TOKENS = (1, TOKENS)
VOCABULARY = 1_000_000  # token ids: the largest vocabularies in use have a quarter of that
TARGET_CHARACTERS = 160  # of a continuation to be judged: a long sentence
TRAIL = 48  # numbers on the way to the one that is explained: from a word of four layers back to its row
GRID = 8  # rows and columns of W_Q and W_K, of a model small enough for its reader to write them
EDITS = 512  # coordinates edited at once: 16 kB of Scene

RATE = (1e-5, 0.1)  # of learning
BATCH = (1, 64)  # rows
STEP = 64 << 20  # bytes of a step of training: of the largest model 19 rows; larger batches go through in parts
MOMENT = (0, 999_999_999)  # a step of training
SHOWN = 24  # tokens of a text that a run's pictures show
CORPUS = 200_000  # bytes of a text to train on: a novella; its ids take 1.6 MB

UPLOAD = 16 << 20  # bytes of a trained model: four million parameters in float32
UPLOAD_VOCABULARY = 10_000  # tokens of such a model: a trace's logits take 2.6 MB; the stories have 500
MODELS_KEPT = 3  # models of a session that its Scenes can name, each at most UPLOAD; all sessions' together: MODELS

# What a lesson's file may be; a teacher's stays in the session that brought it.
LESSON_CHARACTERS = 100_000
LESSON_STEPS = 50
LESSON_LINE = 2_000  # characters of a field: a Scene with a long sentence, percent-encoded
LESSON_SAYS = 1_000  # characters of what a step says
LESSON_LINK = 2_000  # characters of such a lesson in a link: with all that an address says besides, it fits QR_LONGEST

# The class round. A vote is a text of at most 512 bytes, and a voter has two: at most 60 MB where every room is full.
ROOMS = 50  # open at once on a server, or on all that share their rooms
ROOM_VOTERS = 400
ROOM_GUESS = 512  # bytes of a vote: a painted row of 64 words takes 200
ROOM_SECONDS = 3 * 3600.0  # a room's age: two lessons
ROOM_TEACHER = 600.0  # seconds without its teacher after which it ends
ROOM_THERE = 20.0  # seconds for which a pupil who was heard of is counted as being there

# What a check's expression may be: it is read from files that nobody vouches for.
EXPRESSION_CHARACTERS = 1_000
EXPRESSION_NODES = 400  # parts of its tree
EXPRESSION_NUMBERS = 4_000_000  # of an array on the way: 32 MB in float64

# What the API accepts, for real weights: Llama 3.2's smallest has 1.24 billion, 2.5 GB as stored, 5 GB in float32.
PARAMETERS = 1_300_000_000

TRACE = 16 << 20  # bytes of one: of a larger one little is kept, and the rest computed again where a page asks for it
BLOCK = 8 << 20  # bytes of the block that a page draws, which is kept beside that little: of SmolLM2 for 100 tokens

# Real models, which all sessions share; they stay in their files, mapped. FIBRA_WEIGHTS_MB is the choice of whoever
# deploys it: SmolLM2-135M takes 102 MB, MiniLM 94. However much they take, the caches have CACHE_LEAST.
WEIGHTS = _megabytes("FIBRA_WEIGHTS_MB", 256, 16)
WIDENED = 160_000_000  # bytes of their matrices that are float32 while a text is written: 1 token in 0.2 s of SmolLM2's
REAL_UPLOAD = _megabytes("FIBRA_UPLOAD_MB", 16, 1)  # bytes of one that a reader brings: Streamlit holds them meanwhile
HUB = _megabytes("FIBRA_HUB_MB", 1000, 1)  # bytes on disk of all models that readers fetched from the Hub
FILE_NAME = 255  # bytes: what a file system takes
LONG = 256  # tokens of a sentence that a real model reads
FOLLOWED = 24  # of those, where all of a run is kept, or many are made: gradients, patches

# What a folder of weights may hold. Parsing hostile JSON takes up to 35 times its size: 33 MB for a megabyte.
WEIGHTS_HEADER = 1 << 20  # bytes of JSON before the tensors, and of an index of shards: about 9,000 tensors
WEIGHTS_CONFIG = 1 << 18  # bytes of config.json: the longest in use, with the names of 1,000 classes, is 60 kB
WEIGHTS_LAYERS = 512  # four times the deepest in use; names and shapes of so many take 10 MB
WEIGHTS_SHARDS = 128  # files of one checkpoint, each mapped: one open file descriptor
TOKENIZER_FILE = 64 << 20  # bytes of tokenizer.json: 250,000 tokens take 17 MB
GGUF_TENSORS = 16_384  # of a GGUF file: the deepest model that is read has nine a layer
GGUF_KEYS = 4_096  # of its metadata; files in use have fifty
GGUF_NAME = 256  # bytes of a key or of a tensor's name; ggml allows 64 for the latter
GGUF_TEXT = 1 << 20  # bytes of one text there: templates of chats take some kilobytes

# What a server keeps of what was computed, for all sessions together, in bytes: weights, traces, texts, pictures.
# Community Cloud gives about 690 MB in the worst case; the app itself takes 150 MB of it, and work in progress as much.
# FIBRA_CACHE_MB is the choice of whoever deploys it, from 32: with more, a large class waits less.
CACHE = _megabytes("FIBRA_CACHE_MB", 300, 32)
# Half of it is for what is not weighed: sessions, core's small tables, work in progress, and the heap's holes, which
# were found to be as much as what is kept.
CACHE_OTHER = CACHE // 2
CACHE_LEAST = CACHE // 5  # for texts and pictures, however many real models are open
# Beside all that, one result that is larger than what is left: of a long text that is drawn now, the run that all
# figures of its page read. Of SmolLM2 it takes 123 MB for 256 tokens: who looks at whom, the streams, one block.
ALONE = CACHE * 9 // 20
MODELS = CACHE * 2 // 5  # trained models that all sessions hold together: thirty of the largest size that Train has
SOON = 1e9  # multiplications that a page takes before it is drawn: what takes more comes after its other pictures
ABLATIONS = 1e10  # multiplications that a page takes unasked to switch off head after head: about a second
PATCHES = 2e11  # the same of patches, one run each
PATCHES_UNASKED = 3e10  # of these as many as a page does before anyone asks: of 12 layers, 12 heads and 32 tokens
BACKWARD = 32_000_000  # parameters whose gradients a page computes: 128 MB beside them; SmolLM2's took 1,060 MB in all
LARGE = 1_000_000  # parameters, 4 MB: larger models are computed one at a time, so that a class of them fits in memory
CHECKPOINTS = 32 << 20  # of one training run: forty of a model of 200,000 parameters
RUNS = 4  # of a session that undo, or choosing its task again, brings back where it stood
REPEATED = (3000, 2e12)  # steps, and multiplications, that a page takes unasked to repeat a run: about two minutes
SHEETS = 12  # different worksheets in one file: each computes the Scenes of its own questions, a second for all
QR_EASY = 300  # characters of an address: its code has 69 modules, and can still be read from a wall
QR_LONGEST = 2_953  # bytes of the largest QR code (ISO/IEC 18004, version 40-L)
ADDRESS = 1 << 16  # characters of an address that is shared: two long texts, of four bytes a character, take 40,000
WRITTEN_WEIGHTS = 1 << 18  # learned numbers written into a notebook: at most 1.4 MB of it; more are a file beside it
TEXTS = 3  # of a reader's own that a session trained on, each at most CORPUS
