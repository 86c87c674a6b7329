"""Hostile weights: whatever is in the folder, loading gives a whole model or WeightsError. Never a hang, never memory
for what the files do not hold. FUZZ_EXAMPLES=10000 runs the long form.
"""

from __future__ import annotations

import json
import os
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import GOLDEN

import core
from core.weights import TensorFile, write

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 600))
MOST = 64 << 20  # bytes allocated beyond the files' own

NAMES = ("gpt2-untied-tiny", "gpt_neox-tiny", "distilbert-tiny", "roberta-tiny", "mistral-tiny", "qwen2-tiny")
CONFIG, WHOLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> list[Files]:
    """Some families, and one of them again in two files with their index."""
    whole = [{name: (GOLDEN / folder / name).read_bytes() for name in (CONFIG, WHOLE)} for folder in NAMES]
    folder, file = tmp_path_factory.mktemp("shards"), TensorFile(GOLDEN / NAMES[-1] / WHOLE)
    where = {name: f"{'one' if i % 2 else 'two'}.safetensors" for i, name in enumerate(sorted(file))}
    for shard in set(where.values()):
        write(folder / shard, {name: file.array(name) for name in where if where[name] == shard})
    shards = {path.name: path.read_bytes() for path in folder.iterdir()}
    return [*whole, shards | {CONFIG: whole[-1][CONFIG], INDEX: json.dumps({"weight_map": where}).encode()}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzzed")


def load(folder: Path, files: Files) -> core.Pretrained | None:
    """Load, holding the loader to its word; None when it refused."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    tracemalloc.start()
    try:
        model = core.load_pretrained(folder)
    except core.WeightsError as error:
        assert len(str(error)) < 2000
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST + sum(map(len, files.values()))
    core.check_params(model.params, model.config)
    return model


# ------------------------------------------------------------------------------------------------------ mutations

SCALARS = st.one_of(
    st.sampled_from((None, True, False, 0, 1, -1, 2, 64, 2**31, 2**63, 10**12, 10**400, -0.5, 1e308, float("inf"))),
    st.sampled_from(
        ("F32", "F16", "BF16", "I64", "BOOL", "F4", "", "..", "/etc/passwd", "../model.safetensors", WHOLE)
    ),
    st.integers(0, 40_000),
    st.text(max_size=4),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


def altered(draw, value, rarely: int = 40):
    """The JSON value with one thing about it changed, at any depth. rarely: one in so many times, all of it."""
    if not isinstance(value, (dict, list)) or not value or draw(st.integers(1, rarely)) == 1:
        return draw(VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    value = value.copy()
    what = draw(st.sampled_from(("inside", "inside", "inside", "drop", "add", "swap")))
    if what == "inside":
        value[key] = altered(draw, value[key], 8)
    elif what == "drop":
        del value[key]
    elif what == "swap":
        other = draw(st.sampled_from(keys))
        value[key], value[other] = value[other], value[key]
    elif isinstance(value, dict):
        value[draw(st.text(max_size=4) | st.sampled_from(keys).map(str))] = draw(VALUES)
    else:
        value.append(draw(VALUES))
    return value


def altered_json(draw, content: bytes) -> bytes:
    text = json.dumps(altered(draw, json.loads(content)))
    return text.replace("Infinity", "1e999").encode("utf-8", "replace")


def altered_header(draw, content: bytes) -> bytes:
    start = 8 + int.from_bytes(content[:8], "little")
    header = altered_json(draw, content[8:start])
    return len(header).to_bytes(8, "little") + header + content[start:]


def edited(draw, content: bytes) -> bytes:
    """Bytes changed, put in, or taken out; mostly near the beginning, where the header is."""
    at = draw(st.integers(0, min(len(content), draw(st.sampled_from((10, 2000, len(content)))))))
    what = draw(st.sampled_from(("change", "insert", "remove", "cut", "repeat")))
    new = draw(st.binary(min_size=1, max_size=9))
    if what == "cut":
        return content[:at]
    if what == "repeat":
        return content[:at] + content[at // 2 :]
    skip = {"change": len(new), "insert": 0, "remove": draw(st.integers(1, 300))}[what]
    return content[:at] + (b"" if what == "remove" else new) + content[at + skip :]


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=10),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_mutated(checkpoints, folder, data):
    files = dict(data.draw(st.sampled_from(checkpoints)))
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(files)))
        try:
            if data.draw(st.integers(0, 2)) == 0:
                files[name] = edited(data.draw, files[name])
            else:
                files[name] = (altered_json if name.endswith(".json") else altered_header)(data.draw, files[name])
        except (ValueError, RecursionError):  # the change before this one left no JSON to change
            continue
    load(folder, files)


def test_unmutated(checkpoints, folder):
    assert all(load(folder, files) for files in checkpoints)


# ------------------------------------------------------------------------------------------------- the worst headers

SIZE = core.limits.WEIGHTS_HEADER
BOMBS = {
    "empty lists": b'{"a":[' + b"[]," * (SIZE // 3 - 4) + b"0]}",
    "empty objects": b'{"a":[' + b"{}," * (SIZE // 3 - 4) + b"0]}",
    "small objects": b'{"a":[' + b'{"":0},' * (SIZE // 7 - 4) + b"0]}",
    "lists in lists": b'{"a":[' + b"[[]]," * (SIZE // 5 - 4) + b"0]}",
    "short names": b"{" + b",".join(b'"%x":{}' % i for i in range(SIZE // 11)) + b"}",
    "one name": b"{" + b'"a":0,' * (SIZE // 6 - 4) + b'"b":0}',
    "opening brackets": b"[" * SIZE,
    "opening braces": b'{"":' * (SIZE // 4),
    "deep": b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    "digits": b'{"a":' + b"9" * (SIZE - 10) + b"}",
    "wide text": b'{"a":"' + "😀".encode() * (SIZE // 4 - 4) + b'"}',
    "shapes": b'{"a":{"dtype":"F32","shape":[' + b"1," * (SIZE // 2 - 40) + b'1],"data_offsets":[0,4]}}',
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs(checkpoints, folder, bomb):
    text = BOMBS[bomb]
    assert len(text) <= SIZE
    good = checkpoints[0]
    assert load(folder, good | {WHOLE: len(text).to_bytes(8, "little") + text}) is None


def test_a_bomb_in_every_file(checkpoints, folder):
    bomb, short = (b"[" + b"[[]]," * (size // 5 - 300) + b"0]" for size in (SIZE, core.limits.WEIGHTS_CONFIG))
    config = checkpoints[0][CONFIG].rstrip().removesuffix(b"}") + b',"task_specific_params":' + short + b"}"
    index = b'{"weight_map":{"a":"a"},"metadata":' + bomb + b"}"
    header = b'{"a":' + bomb + b"}"
    files = {CONFIG: config, INDEX: index, "a": len(header).to_bytes(8, "little") + header}
    assert all(len(content) < SIZE for content in (index, header)) and len(config) < core.limits.WEIGHTS_CONFIG
    assert load(folder, files) is None


def test_config_and_index_too_long(checkpoints, folder):
    good = checkpoints[0]
    assert load(folder, good | {CONFIG: good[CONFIG] + b" " * core.limits.WEIGHTS_CONFIG}) is None
    assert load(folder, {CONFIG: good[CONFIG], INDEX: checkpoints[-1][INDEX] + b" " * SIZE}) is None


@pytest.mark.parametrize("value", [b"1e999", b"1" + b"0" * 4000, b"-0", b"NaN", b"1e-999"])
@pytest.mark.parametrize("field", ["n_layer", "n_embd", "layer_norm_epsilon", "n_positions", "vocab_size", "n_head"])
def test_numbers(checkpoints, folder, field, value):
    config = json.loads(checkpoints[0][CONFIG])
    text = json.dumps(config | {field: 123456789}).encode().replace(b"123456789", value)
    assert load(folder, checkpoints[0] | {CONFIG: text}) is None
