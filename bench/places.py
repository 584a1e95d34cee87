"""Where the bench finds things, and where it leaves them."""

from pathlib import Path

BENCH = Path(__file__).parent
CHECKOUT = BENCH.parent
WORK = BENCH / ".work"
"""What a run makes and nobody keeps: keys, tokens, logs, the load generator."""

RESULTS = BENCH / "results.json"
"""The last whole run, kept in the repository: its picture can be drawn anew."""

PAGE = CHECKOUT / "docs" / "performance.md"
IMAGES = CHECKOUT / "docs" / "images"
