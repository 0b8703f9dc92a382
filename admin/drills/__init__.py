"""Drills: the real service is started, worked and broken, and what became of everything acknowledged is counted."""
