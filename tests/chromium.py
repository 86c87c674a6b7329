"""A real browser and a real server, for the tests that drive the app as a reader does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parent.parent
# The first is the same Chromium without a window around its pages: less to do.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# What Playwright switches off itself (the last list counts), and the list below the address bar, which nobody sees: two
# pages more for each tab.
UNUSED = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    "ScriptStreaming",  # what is compiled while it arrives is not looked for among what was compiled before
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    "--font-render-hinting=none",  # letters as wide in the shell as in a window
    # Only WebGL is computed as if there were a graphics card: to paint the rest so too takes several times as long.
    *("--disable-gpu-rasterization", "--disable-gpu-compositing", f"--disable-features={','.join(UNUSED)}"),
]
# When the browser last asked the server for something, and when it last heard from it.
WIRE = """{
  const wire = window.fibraWire = { asked: 0, heard: 0 };
  window.WebSocket = class extends WebSocket {
    constructor(...where) {
      super(...where);
      this.addEventListener("message", () => (wire.heard = performance.now()));
    }
    send(data) {
      wire.asked = performance.now();
      super.send(data);
    }
  };
}"""
# What blinks while something loads is painted sixty times a second, and with no graphics card by the processor: more
# work than all the rest of a page. Transitions are left, for the app listens to them.
STILL = """{
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { animation: none !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
}"""
SETTLED = """(pause) => {
  const { asked, heard } = window.fibraWire ?? { asked: 0, heard: 1 };
  return document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && heard > asked && performance.now() - heard > pause
    && !document.querySelector("[data-testid=stSkeleton]") // a widget whose script is on its way
    && [...document.querySelectorAll("[class*=st-key-knob-] [data-testid=stBidiComponentIsolated]")].every(
      ({ shadowRoot }) => shadowRoot?.querySelector("input")) // a slider whose library is
    && (window.fibraFigures?.settled?.() ?? true);
}"""
WAIT = 60_000  # ms, for a busy machine


def executable() -> str:
    """The system's Chromium. Without one the browser tests are skipped, or fail where CI demands them."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        (pytest.fail if os.environ.get("FIBRA_REQUIRE_BROWSER") else pytest.skip)("Chromium is not installed")
    return found


def free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serve(script: str = "app.py", port: int = 0, base: str = "", **environment: str) -> Iterator[str]:
    """`streamlit run script` on a free port, or on `port`, below the path `base`; its address."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}{base}"
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.fileWatcherType", "none", "--server.baseUrlPath", base]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"FIBRA_PLAIN_SLIDERS": ""} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def settled(page: Page, pause: int = 100) -> None:
    """The server has answered all that it was asked, has had nothing more to say for `pause` ms, and all is drawn."""
    page.wait_for_function(SETTLED, arg=pause, polling=25)


OPENED = """(summary) => {
  const box = summary.parentElement;
  return box.open && !box.getAnimations({ subtree: true }).some(({ playState }) => playState === "running");
}"""


def unfold(summary: Locator) -> None:
    """Open one of Streamlit's boxes. For half a second what is in it moves: pressed then, it is not there when the key
    of the mouse is let go, and the click meets something else."""
    summary.click()
    summary.page.wait_for_function(OPENED, arg=summary.element_handle())


def go_to(page: Page, address: str) -> None:
    """Lead an open tab to an address of the same app as Back and Forward do: without loading all anew."""
    page.evaluate(
        "(there) => { history.pushState({}, '', there); dispatchEvent(new PopStateEvent('popstate')) }", address
    )
