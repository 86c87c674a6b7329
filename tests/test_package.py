"""`pip install .`: the wheel, in an environment where there is nothing but NumPy."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import core

ROOT = Path(__file__).parents[1]
USED = """
import json, fibra, importlib.util
preset = fibra.PRESETS["penguins"]
trace = fibra.forward(fibra.init_params(preset.config), preset.config, embeddings=preset.embeddings)
print(json.dumps({
    "learned": {name: sorted(preset.learned) for name, preset in fibra.PRESETS.items() if preset.trained},
    "pattern": trace["blocks.0.attn.pattern"][0].tolist(),
    "drawn": fibra.run(fibra.Scene(model="stories")).trace["logits"].tolist(),
    "public": fibra.__all__,
    "core": importlib.util.find_spec("core") is not None,
}))
"""


def called(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    called(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def used(wheel, tmp_path_factory) -> dict:
    """What a fresh interpreter finds where the wheel is installed beside NumPy alone; pip may not look elsewhere."""
    folder = tmp_path_factory.mktemp("clean")
    called(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    python = next(path for path in (folder / "env").glob("*/*") if path.stem == "python")
    (home,) = called(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).split()
    for part in Path(np.__file__).parents[1].glob("numpy*"):
        (Path(home) / part.name).symlink_to(part)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    called(*pip, "install", "--no-index", wheel, cwd=folder)
    return json.loads(called(python, "-c", USED, cwd=folder))


def test_the_library_works_where_it_is_installed(used):
    preset = core.PRESETS["penguins"]
    trace = core.forward(core.init_params(preset.config), preset.config, embeddings=preset.embeddings)
    assert np.array_equal(used["pattern"], trace["blocks.0.attn.pattern"][0])
    assert np.allclose(used["drawn"], core.run(core.Scene(model="stories")).trace["logits"], rtol=1e-6)
    assert used["learned"] == {name: sorted(p.learned) for name, p in core.PRESETS.items() if p.trained}


def test_its_public_face_is_core_s_and_no_module_is_called_core(used):
    assert used["public"] == core.__all__
    assert not used["core"]


def test_the_wheel_says_what_it_is_and_holds_no_more(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(file.read(about))
    assert metadata["Name"] == "fibra"
    assert metadata["License-Expression"] == "MIT"
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert metadata["Version"] == tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    needed = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert [need[:5] for need in needed] == ["numpy"]
    assert metadata.get_payload().startswith("# Fibra")
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"fibra", about.partition("/")[0]}
    ours = {Path(name).suffix for name in names if name.startswith("fibra/") and not name.endswith("/LICENSE")}
    assert ours == {".py", ".json", ".safetensors", ".toml"}
    assert not {"fibra/models/build.py", "fibra/models/convert.py"} & {*names}
    assert {"fibra/models/machado/LICENSE", "fibra/models/alice/LICENSE"} <= {*names}, "with what was brought"
