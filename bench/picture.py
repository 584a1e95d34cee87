"""The run's picture."""

from bench.results import Results


def draw(results: Results) -> str:
    """SVG."""
    return ""
