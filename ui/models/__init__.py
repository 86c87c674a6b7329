"""The page on models: cards, uploads."""
