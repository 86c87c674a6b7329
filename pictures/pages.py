"""The pages of the app, in the menu's order: the one list that app.py, the menu, the tests and the benches read.

A page NAME is pages/NAME.py; its words are `pages.NAME` and `[NAME]` in content/; its address is /NAME, and the first
one's is / too. It stands in the menu under the heading of its section, which is there once it has a page.
"""

from __future__ import annotations

from dataclasses import dataclass

SECTIONS = ("see", "write", "class", "models")  # their headings are `sections.NAME` in content/


@dataclass(frozen=True)
class Page:
    """What others must know of a page."""

    icon: str  # an emoji: a Material icon would become the tab's icon, which the browser then fetches from Google
    section: str  # one of SECTIONS
    model: bool = True  # it shows the Scene's model, and so has the list of presets and the sentence
    compares: bool = False  # it sets what is pinned beside what is turned
    stacks: tuple[int, ...] = (1,)  # of models of how many stacks it shows; of others another one stands in
    patched: bool = True  # it shows a patched run; else the same run without the patch


PAGES = {
    "start": Page("🏠", "see", stacks=(1, 2)),
    "attention": Page("🔎", "see", compares=True, stacks=(1, 2)),
    "heads": Page("🧠", "see", compares=True, stacks=(1, 2)),
    "reading": Page("🔬", "see", stacks=(1, 2)),
    "fibres": Page("✨", "see", compares=True, stacks=(1, 2)),
    "drift": Page("🧭", "see", compares=True, stacks=(1, 2)),
    "block": Page("🧱", "see", compares=True, stacks=(1, 2)),
    "generate": Page("✍️", "write", patched=False),
    "translate": Page("🌐", "write", stacks=(2,), patched=False),
    "train": Page("🌱", "write", model=False),
    "backward": Page("↩️", "write", compares=True, stacks=(1, 2)),
    "cause": Page("🧪", "write", stacks=(1, 2), patched=False),
    "lessons": Page("🎓", "class", model=False),
    "challenges": Page("🧩", "class", model=False),
    "round": Page("🗳️", "class", model=False),
    "teachers": Page("🧑‍🏫", "class", model=False),
    "glossary": Page("📖", "class", model=False),
    "models": Page("📦", "models", model=False),
}


def sections() -> dict[str, list[str]]:
    """The menu: of each section that has pages, their names."""
    listed = {section: [name for name, page in PAGES.items() if page.section == section] for section in SECTIONS}
    return {section: names for section, names in listed.items() if names}
