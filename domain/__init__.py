"""Pure words and rules of chest X-ray triage: standard library and numpy only."""
