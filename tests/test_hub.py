"""Models by name from the Hub, against a small server that speaks the parts of it that are used. No network."""

from __future__ import annotations

import json
import os
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core import WeightsError, library, limits
from core.library import Library
from core.weights.hub import HubFile, offers
from pictures import memory
from pictures import models as pictures
from tests.support import html, open_page
from tests.test_library import folder
from ui import aside
from ui.models import cards, fetch, hub

SHA = "0123456789abcdef0123456789abcdef01234567"


class Cut(BaseException):
    """As Streamlit ends a run whose reader has gone."""


class Served(BaseHTTPRequestHandler):
    """Repository -> name -> bytes, in `there`. `most`: bytes after which a file's connection ends. `asked`: ranges."""

    there: dict[str, dict[str, bytes]]
    most: int | None
    asked: list[str]
    seen: list[str]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.seen.append(self.headers.get("Authorization", ""))
        for name, files in self.there.items():
            if path == f"/api/models/{name}":
                return self._answer(200, json.dumps(about(name, files)).encode())
            if path.startswith(f"/{name}/resolve/{SHA}/") and (file := path.rpartition("/")[2]) in files:
                return self._file(files[file])
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, data: bytes) -> None:
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        self._answer(206 if wanted else 200, data[int(wanted[6:-1] or 0) if wanted else 0 :], self.most)

    def _answer(self, status: int, data: bytes, most: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:most])

    def log_message(self, *_: object) -> None:
        pass


def about(name: str, files: dict[str, bytes]) -> dict:
    """What the Hub says of a repository; a large file is one of Git LFS, whose digest it knows."""
    siblings = []
    for file, data in files.items():
        lfs = {"size": len(data), "sha256": sha256(data).hexdigest(), "pointerSize": 130}
        siblings.append({"rfilename": file, "size": len(data)} | ({"lfs": lfs} if len(data) > 10_000 else {}))
    return {"id": name, "sha": SHA, "siblings": siblings, "cardData": {"license": "mit"}}


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The server, a repository "org/tiny" on it, and a library below a folder of this test's own."""
    made = folder(tmp_path / "origin")
    there = {file.name: file.read_bytes() for file in made.iterdir()}
    there |= {"pytorch_model.bin": b"\x80\x04", "model.py": b"1 / 0", "x.gguf": b"GGUF" * 9}
    kept = {"org/tiny": there, "org/old": {"config.json": b"{}", "pytorch_model.bin": b"\x80\x04"}}
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Here", (Served,), {"there": kept, "most": None, "asked": [], "seen": []})
    )
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    own = Library(tmp_path / "models")
    own.root.mkdir()
    monkeypatch.setattr(library, "LIBRARY", own)
    for module in (memory, pictures, cards, aside, hub):
        monkeypatch.setattr(module, "LIBRARY", own)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_server")
    monkeypatch.setenv("FIBRA_HUB", "1")
    yield server.RequestHandlerClass, own
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", [
    "https://huggingface.co/org/tiny", "file:///etc", "org/ti ny", "", "org/../tiny", "../tiny", "/tiny", "org/tiny/",
    "a/b/c", "org/tiny?x", "org\\tiny", "org/tiny\n", "org/.git", "org/a--b", "org/" + "x" * 200, "olá/x", None, 7,
])  # fmt: skip
def test_what_is_no_name_is_refused_by_name(name):
    with pytest.raises(WeightsError, match=r"repository: .*(is an address|no name on the Hub)") as refused:
        fetch.look(name)
    assert len(str(refused.value)) < 400


def test_what_is_offered():
    about = [HubFile(n, 10) for n in ("config.json", "model.safetensors", "a.gguf", "b.gguf", "x.bin", "c/d.gguf")]
    assert [offer.title for offer in offers("a/b", SHA, about)] == ["safetensors", "a.gguf", "b.gguf"]
    shards = [HubFile(f"model-0000{i}-of-00002.safetensors", 10) for i in (1, 2)]
    (offer,) = offers("a", SHA, [HubFile("model.safetensors.index.json", 5), HubFile("config.json", 1), *shards])
    assert (offer.size, len(offer.files)) == (26, 4)
    (offer,) = offers("a", SHA, [*about[:2], HubFile("COPYING", 10)], "mit " * 100_000)
    assert offer.licence.startswith("mit mit") and len(offer.licence) <= 60
    assert [file.name for file in offer.files] == ["config.json", "model.safetensors", "COPYING"]
    large = [HubFile("a.gguf", limits.WEIGHTS + 1), HubFile("b.gguf", 1)]
    assert [offer.title for offer in offers("a/b", SHA, large)] == ["b.gguf"]
    index = [
        HubFile("config.json", 1),
        HubFile("model.safetensors.index.json", 5),
    ]  # of files that are called otherwise
    nowhere = (([], "has neither"), (index, "has neither"), ([HubFile("a.gguf", -1)], "not known"))
    for files, why in (([large[0]], "FIBRA_WEIGHTS_MB"), *nowhere):
        with pytest.raises(WeightsError, match=f"a/b: .*{why}"):
            offers("a/b", SHA, files)
    with pytest.raises(WeightsError, match="no commit"):
        offers("a/b", "main", about)


def test_it_is_fetched_whole_and_goes_on_where_it_was_cut(served, monkeypatch):
    hub_, own = served
    monkeypatch.setattr(fetch, "PIECE", 4096)
    offer = fetch.look("org/tiny")[0]
    assert (offer.title, offer.revision, offer.licence) == ("safetensors", SHA, "mit")
    assert {file.name for file in offer.files} == {"config.json", "model.safetensors", "vocab.txt"}
    hub_.most = 30_000  # the connection ends
    with pytest.raises(WeightsError, match=r"does not answer|cut short"):
        fetch.fetch(offer, own.root)
    hub_.most = None
    assert own.cards() == [], "what is not whole is no model"
    part = next((own.root / ".fetching").rglob("model.safetensors.part"))
    came = part.stat().st_size
    assert 0 < came <= 30_000

    def gone(done: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        fetch.fetch(offer, own.root, gone)
    hub_.asked.clear()
    heard: list[int] = []
    at = fetch.fetch(offer, own.root, heard.append)
    assert hub_.asked[0].startswith("bytes=") and int(hub_.asked[0][6:-1]) >= came, "it begins where it stopped"
    assert heard == sorted(heard) and heard[-1] == offer.size and not any(hub_.seen), "no token of the server's is sent"
    (card,) = own.cards()
    assert (card.title, card.revision, card.problem) == ("org/tiny", SHA, "") and card.path == at
    assert own.find(card.name).config.n_layers == 2
    hub_.asked.clear()
    assert fetch.fetch(offer, own.root) == at and not hub_.asked


def test_other_bytes_than_were_told_of_are_refused(served):
    hub_, own = served
    offer = fetch.look("org/tiny")[0]
    whole = hub_.there["org/tiny"]["model.safetensors"]
    for wrong in (whole[:-1] + bytes([whole[-1] ^ 1]), whole + b"\0" * 5):
        hub_.there["org/tiny"]["model.safetensors"] = wrong
        with pytest.raises(WeightsError, match=r"model\.safetensors: is not the file"):
            fetch.fetch(offer, own.root)
        assert not [*own.root.rglob("model.safetensors*")]
    for name, why in (("org/none", "is not on the Hub"), ("org/old", "pytorch_model.bin is a Python pickle")):
        with pytest.raises(WeightsError, match=f"{name}: .*{why}"):
            fetch.look(name)


def test_the_disk_is_not_filled(served, monkeypatch):
    _, own = served
    offer = fetch.look("org/tiny")[0]
    monkeypatch.setattr(limits, "HUB", offer.size - 1)
    with pytest.raises(WeightsError, match="FIBRA_HUB_MB"):
        fetch.fetch(offer, own.root)
    monkeypatch.setattr(limits, "HUB", offer.size)
    fetch.fetch(offer, own.root)
    with pytest.raises(WeightsError, match="FIBRA_HUB_MB"):
        fetch.fetch(fetch.look("org/tiny")[1], own.root)


def test_what_nobody_went_on_with_for_a_day_makes_room(served, monkeypatch):
    hub_, own = served
    monkeypatch.setattr(fetch, "PIECE", 4096)
    offer = fetch.look("org/tiny")[0]
    hub_.most = 30_000
    with pytest.raises(WeightsError):
        fetch.fetch(offer, own.root)
    hub_.most = None
    (mine,) = (own.root / ".fetching").glob("*/*/*/")
    others = [own.root / ".fetching" / f"org--{name}" / SHA / "x.gguf" for name in ("old", "new")]
    for folder_ in others:
        folder_.mkdir(parents=True)
        (folder_ / "x.gguf.part").write_bytes(b"x" * 500)
    for path in (*others[0].iterdir(), others[0], *mine.iterdir(), mine):
        os.utime(path, (0, time.time() - 25 * 3600))
    os.utime(others[1], (0, 0))  # of a folder that is written to, only its file's time changes
    monkeypatch.setattr(limits, "HUB", offer.size + 500)  # beside one of the two
    hub_.asked.clear()
    fetch.fetch(offer, own.root)
    assert hub_.asked[0].startswith("bytes="), "the one that is asked for goes on, however old"
    assert [folder_.exists() for folder_ in others] == [False, True]


@pytest.mark.parametrize("lang", ["pt-BR", "en"])
def test_the_page_shows_size_and_revision_and_fetches_when_that_is_confirmed(served, monkeypatch, lang):
    _, own = served
    at = open_page("models", {"lang": lang})
    at.text_input[0].set_value("org/ti ny")
    next(b for b in at.button if "models-hub" in str(b.key)).click().run()
    assert "org/ti ny" in html(at) and own.cards() == []
    at.text_input[0].set_value("org/tiny")
    next(b for b in at.button if "models-hub" in str(b.key)).click().run()
    assert any(SHA in e.proto.body and "mit" in e.proto.body for e in at.get("html")) and own.cards() == []
    at.button(key="models-hub-fetch").click().run()
    assert not at.exception and [card.title for card in own.cards()] == ["org/tiny"]
    assert not any("models-hub-fetch" in str(b.key) for b in at.button)
    monkeypatch.delenv("FIBRA_HUB")
    assert not open_page("models", {"lang": lang}).text_input, "off unless the deployer allows it"
