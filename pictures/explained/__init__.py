"""A number of any page, explained: what it is of (world.py), what it and its place are called (naming.py), and its
explanation as a card (card.py)."""
