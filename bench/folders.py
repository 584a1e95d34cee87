"""The folders and files that the bench reads and writes."""

from pathlib import Path

BENCH = Path(__file__).parent
CHECKOUT = BENCH.parent
WORK = BENCH / ".work"
"""Temporary files of a run: keys, tokens, logs, the compiled load generator."""

RESULTS = BENCH / "results.json"
"""The last complete run, saved in the repository; its picture can be drawn again."""

PAGE = CHECKOUT / "docs" / "performance.md"
IMAGES = CHECKOUT / "docs" / "images"
