"""The folders and files that the bench reads and writes."""

from pathlib import Path

BENCH = Path(__file__).parent
CHECKOUT = BENCH.parent
WORK = BENCH / ".work"
"""Temporary files of a run: keys, tokens, logs, the compiled load generator."""

RESULTS = BENCH / "results.json"
"""The results of the last complete run; ``make bench ARGS=--draw`` draws them again."""

PAGE = CHECKOUT / "docs" / "performance.md"
IMAGES = CHECKOUT / "docs" / "images"
