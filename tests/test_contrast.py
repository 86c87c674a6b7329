"""What can be read: in real Chromium, in both themes, every text that is shown stands out by 4.5 : 1 from what is
behind it, or by 3 : 1 where it is large (WCAG 2.2, 1.4.3). The colours in figures are held by tests/test_plots.py.
"""

from __future__ import annotations

import pytest

from tests.test_journeys import open_page, settled

pytestmark = pytest.mark.browser

# The texts that fall short, as [text, ratio]. What lies behind one is looked for in its ancestors alone, so a text over
# a picture is left out, as is the number that hangs above a slider's thumb.
FAINT = """() => {
  const channels = (colour) => {
    const [r, g, b, a = 1] = (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const unit = colour.startsWith("color(") ? 1 : 255;
    return [r / unit, g / unit, b / unit, a];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parent = (part) => part.parentElement ?? part.getRootNode().host;
  const icons = "svg *, [data-testid=stIconMaterial]", hung = "[data-testid=stSliderThumbValue] *";
  const passed = `script, style, .tip, .tip *, ${icons}, ${hung}`;
  const faint = [];
  const look = (root) => {
    for (const part of root.querySelectorAll("*")) {
      if (part.shadowRoot) look(part.shadowRoot);
      const text = [...part.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join(" ").trim();
      const box = part.getBoundingClientRect();
      if (!text || part.matches(passed) || box.width < 2 || box.height < 2) continue;
      if (!part.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const style = getComputedStyle(part);
      if (parseFloat(style.fontSize) < 2) continue;
      const behind = [];
      let opacity = 1, picture = false;
      for (let at = part; at; at = parent(at)) {
        const here = getComputedStyle(at);
        opacity *= Number(here.opacity);
        picture ||= here.backgroundImage !== "none";
        behind.push(channels(here.backgroundColor));
        if (behind.at(-1)[3] === 1) break;
      }
      if (picture) continue;
      const ground = behind.reverse().reduce((under, layer) => over(layer, under), [1, 1, 1, 1]);
      const ink = channels(style.color);
      const shown = over([ink[0], ink[1], ink[2], ink[3] * opacity], ground);
      const [high, low] = [light(shown), light(ground)].sort((a, b) => b - a);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < (large ? 3 : 4.5)) faint.push([text.slice(0, 60), Math.round(ratio * 100) / 100]);
    }
  };
  look(document.body);
  return faint;
}"""

LOOKED_AT = {
    "attention": "model=gpt&off=scale&pin=1&pin.off=",
    "heads": "",
    "generate": "model=stories&forced=9.16&step=3",
    "start": "model=gpt",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(watched, app, scheme):
    page = watched.tab(color_scheme=scheme)
    for name, query in LOOKED_AT.items():
        open_page(page, app, name, f"lang=en&{query}")
        page.get_by_role("button", name="Switchboard").click()
        page.get_by_test_id("stPopoverBody").get_by_text("Temperature", exact=True).wait_for()
        settled(page)
        page.wait_for_timeout(800)
        assert page.evaluate(FAINT) == [], (name, scheme)
