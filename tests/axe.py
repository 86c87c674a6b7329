"""axe-core, as its package brings it: what a checker of accessibility finds on a page, of WCAG 2.1 A and AA."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import ZipFile

from packages import fetched
from playwright.sync_api import Page

CARRIER, FILE = "axe-playwright-python==0.1.8", "axe_playwright_python/axe.min.js"  # axe-core 4.12.1, MPL-2.0
SUM = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
RUN = """async ([rules, left]) => {
  const where = { include: [["html"]], exclude: left.map((one) => [one]) };
  const { violations } = await axe.run(where, { runOnly: rules, resultTypes: ["violations"], preload: false });
  return violations
    .filter((found) => ["serious", "critical"].includes(found.impact))
    .flatMap((found) => found.nodes.map((node) => [found.id, node.target.join(" "), node.failureSummary, node.html]));
}"""
STILL = """() => document.getAnimations().every(({ playState, effect }) =>
  playState !== "running" || effect?.getComputedTiming().endTime === Infinity)"""
ALL, CONTRAST = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa"), ("color-contrast",)
DRAWING = ".js-plotly-plot"


def script(folder: Path) -> str:
    """The checker's source; `folder` takes the package."""
    with ZipFile(fetched(CARRIER, folder)) as wheel:
        source = wheel.read(FILE)
    assert hashlib.sha256(source).hexdigest() == SUM
    return source.decode("utf-8")


def findings(tab: Page, source: str, rules: tuple[str, ...] = ALL, *, left: tuple[str, ...] = (DRAWING,)) -> list:
    """What is serious or critical on the page that a tab shows, but for the selectors `left`: [rule, where, why, html].

    The checker stays in the tab, from page to page. It reads colours, so nothing may be on its way to another one.
    """
    tab.wait_for_function(STILL)
    if not tab.evaluate("Boolean(window.axe)"):
        tab.evaluate(source)
    return tab.evaluate(RUN, [rules, left])
