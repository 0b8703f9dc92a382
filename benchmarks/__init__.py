"""How fast, as ratios against a baseline in the same run. Not installed, and no test: `python -m benchmarks.NAME`."""
