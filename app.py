"""Fibra: the playground of attention. Icons and order of the pages; nothing else."""

from ui.live import menu

# Emoji: a Material icon would become the tab's icon, which the browser then fetches from Google.
PAGES = {
    "start": "🏠",
    "attention": "🔎",
    "heads": "🧠",
    "reading": "🔬",
    "fibres": "✨",
    "drift": "🧭",
    "block": "🧱",
    "generate": "✍️",
    "train": "🌱",
}

menu.navigate(PAGES).run()
