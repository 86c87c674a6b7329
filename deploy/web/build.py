"""Build dist/web: the whole app as a static folder, without any server. It runs in Python compiled to WebAssembly.

    python -m deploy.web.build [dist/web]

Everything is pinned and comes from two registries by name: the browser build of Streamlit and Pyodide from npm,
wheels from PyPI. Pyodide's compiled wheels are served by its own CDN alone; the package open-webui carries the same
files, and each is held against the sha256 that Pyodide's own lock file lists for it. What was fetched is kept in a
cache (--cache).

What an app without a server does elsewise is said in one place, ui/live/alone.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deploy.web.bytecode import zipped
from deploy.web.registries import called, npm, pattern, wheels

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STLITE, PYODIDE = "@stlite/browser@1.9.2", "pyodide@0.29.3"
LISTED = "pyodide@0.28.3"  # whose lock lists the sums of the compiled wheels; both have the ABI 2025_0
CARRIER = "open-webui==0.9.6"
COMPILED = {  # name -> what it needs, and how Pyodide installs it
    "numpy": ((), "package"),
    "ssl": (("libopenssl",), "cpython_module"),
    "libopenssl": ((), "shared_library"),
}
PURE = {  # requirement -> what it needs
    "micropip==0.11.0": (),
    "protobuf==7.34.1": (),
    "starlette==1.0.1": ("anyio",),
    "blinker==1.9.0": (),
    "anyio==4.13.0": ("idna", "ssl"),
    "python-multipart==0.0.34": (),
    "itsdangerous==2.2.0": (),
    "typing-extensions==4.15.0": (),
    "packaging==24.2": (),
    "idna==3.10": (),
    "pyodide-http==0.2.2": (),
    "segno==1.6.6": (),
}
NEEDED = ("segno",)  # by the app itself
# Streamlit requires these, and this app never imports them: pandas serves the tables of numbers, for which ui/table.py
# has plain lines. Plotly's Python side, which only validates, is left out too.
# Of Pillow, Streamlit asks only whether a logo is one of its images: ours is an SVG.
STAND_INS: dict[str, tuple[str, dict[str, str]]] = {  # name -> version, modules
    "altair": ("6.0.0", {}),
    "fastparquet": ("2024.11.0", {}),
    "pandas": ("2.3.1", {}),
    "pillow": ("11.3.0", {"PIL/Image.py": "class Image: ...", "PIL/ImageFile.py": "class ImageFile: ..."}),
}
PLACES = {"shared_library": "dynlib", "cpython_module": "stdlib", "package": "site"}
APP = ("app.py", "core", "plots", "pictures", "ui", "pages", "content", "models")
# Parts of Streamlit's frontend that no page asks for.
UNUSED = re.compile(
    r"DeckGl|GraphViz|mermaid|cytoscape|ArrowVega|cynefin|[Dd]iagram|treemap|pandasStyler|ColorPicker|Snow|Balloons"
    r"|Audio|Video|Camera|wordCloud|swimlanes|architecture|cose-bilkent|DateField|DataFrame|JsonView|\.map$|\.d\.ts$"
)
# The JavaScript promise integration of Chromium 156 corrupts Python's heap: with it six sessions died after 15 to 104
# turns, without it two of 200 turns lived.
SUSPENDING = '"Suspending"in WebAssembly', "false"
# Back and Forward on the same page: the browser build asks for the query that it had before, and keeps that.
BACK = (
    "this.onPageChange(ve.pageScriptHash, void 0, !0)",
    "(this.setState({ queryParams: document.location.search.slice(1) }), "
    "this.onPageChange(ve.pageScriptHash, document.location.search.slice(1), !0))",
)
LANGUAGES = ("pt-BR", "en")


def main() -> None:
    """Build the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "dist" / "web")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "fibra-web")
    asked = parser.parse_args()
    build(asked.out.resolve(), asked.cache.resolve())
    size = sum(path.stat().st_size for path in asked.out.rglob("*") if path.is_file())
    print(f"{asked.out}: {size / 1e6:.1f} MB. Try it: python -m deploy.web.serve {asked.out}")


def build(out: Path, cache: Path) -> None:
    """Write the whole site to `out`, which is emptied first."""
    cache.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    frontend(out / "stlite", npm(STLITE, cache))
    python(out / "pyodide", cache)
    app(out)
    compiled(out, npm(PYODIDE, cache))
    icons(out)
    pages(out)


# ------------------------------------------------------------------------------------------------------------ parts


def frontend(out: Path, package: Path) -> None:
    """The browser build of Streamlit, without what no page of ours asks for, and with ears for Back."""
    shutil.copytree(package / "build", out, ignore=lambda _, names: [name for name in names if UNUSED.search(name)])
    change(max(out.glob("index-*.js"), key=lambda path: path.stat().st_size), BACK)


def change(script: Path, words: tuple[str, str]) -> None:
    """Write the second for the first in a script of others. Raises: SystemExit where it does not stand there once."""
    text = script.read_text("utf-8")
    if text.count(words[0]) != 1:
        raise SystemExit(f"{script.name}: {words[0]!r} is not where it was")
    script.write_text(text.replace(*words), "utf-8")


def python(out: Path, cache: Path) -> None:
    """Pyodide, and the packages that lie beside it; their lock file is written when they are compiled."""
    pyodide = npm(PYODIDE, cache)
    out.mkdir(parents=True)
    for name in ("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip"):
        shutil.copy(pyodide / name, out)
    change(out / "pyodide.asm.js", SUSPENDING)
    packages = {}
    for name, file, data, needs, kind in packages_of(cache, sums(npm(LISTED, cache))):
        (out / file).write_bytes(data)
        packages[name] = {
            **{"name": name, "version": file.split("-")[1].removesuffix(".zip"), "file_name": file},
            **{"depends": [*needs], "imports": []},
            **{"unvendored_tests": False, "package_type": kind, "install_dir": PLACES[kind]},
        }
    info = json.loads((pyodide / "pyodide-lock.json").read_text("utf-8"))["info"]
    (out / "pyodide-lock.json").write_text(json.dumps({"info": info, "packages": packages}), "utf-8")


def compiled(out: Path, pyodide: Path) -> None:
    """Compile the Python of all archives, and lock them as they are now."""
    archives = [out / "pyodide" / "python_stdlib.zip", *sorted(out.rglob("*.whl"))]
    called("node", HERE / "bytecode.mjs", pyodide, *archives, "--", out / "app.zip", cwd=out)
    lock = out / "pyodide" / "pyodide-lock.json"
    listed = json.loads(lock.read_text("utf-8"))
    for package in listed["packages"].values():
        package["sha256"] = hashlib.sha256((lock.parent / package["file_name"]).read_bytes()).hexdigest()
    lock.write_text(json.dumps(listed), "utf-8")


def sums(pyodide: Path) -> dict[str, str]:
    """File name -> sha256, as Pyodide's own lock lists them."""
    packages = json.loads((pyodide / "pyodide-lock.json").read_text("utf-8"))["packages"]
    return {package["file_name"]: package["sha256"] for package in packages.values()}


def packages_of(cache: Path, listed: dict[str, str]) -> Iterator[tuple[str, str, bytes, tuple[str, ...], str]]:
    """(name, file, contents, what it needs, kind) of each package that is installed beside the app."""
    carried = cache / "carried"
    carried.mkdir(exist_ok=True)
    wheels([CARRIER], carried, "3.12")
    (carrier,) = carried.glob(pattern(CARRIER.partition("==")[0]))
    with zipfile.ZipFile(carrier) as archive:
        for name, (needs, kind) in COMPILED.items():
            start = f"open_webui/frontend/pyodide/{name}-"
            (member,) = (each for each in archive.namelist() if each.startswith(start))
            file, data = member.rpartition("/")[2], archive.read(member)
            if listed.get(file) != hashlib.sha256(data).hexdigest():
                raise SystemExit(f"{file}: not the file that Pyodide lists")
            yield name, file, data, needs, kind
    pure = cache / "pure"
    pure.mkdir(exist_ok=True)
    wheels(PURE, pure, "3.13")
    for requirement, needs in PURE.items():
        name = requirement.partition("==")[0]
        (wheel,) = pure.glob(pattern(name))
        yield name, wheel.name, wheel.read_bytes(), needs, "package"
    for name, (version, modules) in STAND_INS.items():
        yield name, f"{name}-{version}-py3-none-any.whl", stand_in(name, version, modules), (), "package"


def stand_in(name: str, version: str, modules: dict[str, str]) -> bytes:
    """A wheel that says it is `name`, and holds these modules alone."""
    about = f"{name}-{version}.dist-info/"
    files = {
        f"{about}METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}RECORD": "",
    }
    return zipped((file, text.encode()) for file, text in (files | modules).items())


def app(out: Path) -> None:
    """The app as an archive, and what of it comes late as files beside that."""
    files = dict(app_files())
    (out / "app.zip").write_bytes(zipped((name, data) for name, data in files.items() if not is_late(name)))
    for name in filter(is_late, files):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_bytes(files[name])


def is_late(name: str) -> bool:
    """Whether a file of the app is fetched when it is first asked for, by ui/live/alone.py: trained weights."""
    return name.endswith(".safetensors")


def app_files() -> Iterator[tuple[str, bytes]]:
    """The app itself, as it is run anywhere else."""
    for top in APP:
        path = ROOT / top
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file.read_bytes()


# ------------------------------------------------------------------------------------------------------------ pages


def settings() -> dict[str, object]:
    """.streamlit/config.toml as the browser build takes it: flat, and nothing of a server but the largest upload."""
    table = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    flat = dict(flattened(table))
    return {key: v for key, v in flat.items() if not key.startswith("server.") or key == "server.maxUploadSize"}


def flattened(table: dict, at: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{at}{key}.")
        else:
            yield at + key, value


def said() -> dict[str, dict[str, str]]:
    """What the start screen says, in each language."""
    labels = {lang: tomllib.loads((ROOT / "content" / lang / "labels.toml").read_text("utf-8")) for lang in LANGUAGES}
    return {lang: labels[lang]["web"] for lang in LANGUAGES}


def icons(out: Path) -> None:
    """The icon, as SVG and in the two sizes that an installable app must have."""
    shutil.copy(ROOT / "ui" / "fibra.svg", out)
    for size in (192, 512):
        shutil.copy(HERE / f"icon-{size}.png", out)


def pages(out: Path) -> None:
    """index.html with its start screen, the service worker that keeps every file, the manifest."""
    (chunk,) = (path.name for path in (out / "stlite").glob("PlotlyChart-*.js"))
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    sizes = {name: (out / name).stat().st_size for name in files}
    first = [name for name in files if name.startswith(("pyodide/", "app.zip")) or name.endswith((".whl", chunk))]
    blank = {
        "CHUNK": chunk,
        "SETTINGS": settings(),
        "WORDS": said(),
        "NEEDED": [*NEEDED],
        "FIRST": {name: sizes[name] for name in first},
    }
    index = filled((HERE / "index.html").read_text("utf-8"), blank)
    for name in ("index.html", "404.html"):  # a static host answers a page's own address with the latter
        (out / name).write_text(index, "utf-8")
    shutil.copy(HERE / "manifest.webmanifest", out)
    build = hashlib.sha256(index.encode() + b"".join((out / name).read_bytes() for name in files)).hexdigest()[:12]
    keep = ["./", "manifest.webmanifest", *files]
    (out / "sw.js").write_text(filled((HERE / "sw.js").read_text("utf-8"), {"BUILD": build, "KEEP": keep}), "utf-8")


def filled(text: str, blanks: dict[str, object]) -> str:
    for name, value in blanks.items():
        text = text.replace(f'"__{name}__"', json.dumps(value, ensure_ascii=False).replace("</", "<\\/"))
    return text


if __name__ == "__main__":
    main()
