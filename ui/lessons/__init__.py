"""Lessons: the bar that carries one along, and a lesson of the reader's own."""
