"""Translation in pictures: the crossing fibres, the map, every head, the next word's candidates, the search."""
