"""Formats the results of a run as Markdown tables, which are readable in a terminal too."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.failure import BenchError
from bench.measured_servers import (
    BARE,
    NEST,
    OURS,
    OURS_ON_SQLITE,
    PEERS,
    PYTHON_SOCKETIO,
    SOCKETIO,
)
from bench.readings import Figure, is_limited_by_generator
from bench.results import Results, ratio
from bench.rows import ROWS, Row

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
MISSING = "-"

_SIDE_BY_SIDE = (OURS, NEST, SOCKETIO, PYTHON_SOCKETIO)
_EXTRA = (OURS, OURS_ON_SQLITE, BARE)
_FEWER_DIGITS_FROM = (10, 100)


def report(results: Results) -> str:
    """Format all tables; a partial run has fewer rows."""
    parts = (
        _origin(results),
        _table(_figure_lines(results)),
        _table(_speed_lines(results)),
        _table(_extra_lines(results)),
    )
    return "\n\n".join(part for part in parts if part)


def write_report(text: str, page: Path) -> None:
    """Replace the text between the page's markers.

    Raises:
        BenchError: The page has no markers.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise BenchError(f"{page.name} has no {BEGIN} followed by {END}.")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def figure_text(row: Row, value: float | None) -> str:
    """Format a figure with its unit, and with fewer decimals for larger figures."""
    if value is None:
        return MISSING
    shown = value * 100 if row.unit == "%" else value
    digits = sum(shown < bound for bound in _FEWER_DIGITS_FROM)
    return f"{shown:,.{digits}f} {row.unit}"


def _origin(results: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    rounds = (
        "one round"
        if results.rounds == 1
        else f"medians of {results.rounds} rounds (idle rows: one)"
    )
    return f"{results.date}, {results.machine}; {rounds}.\n{versions}."


def _figure_lines(results: Results) -> list[Sequence[str]]:
    lines = [
        (
            row.title,
            *(figure_text(row, _median(results, peer, row)) for peer in _SIDE_BY_SIDE),
            *(_times(results, peer, row) for peer in (NEST, SOCKETIO)),
        )
        for row in ROWS
        if results.readings(OURS, row.workload)
    ]
    titles = (PEERS[peer].title for peer in _SIDE_BY_SIDE)
    return _headed(("the server's", *titles, "NestJS / ours", "socket.io / ours"), lines)


def _speed_lines(results: Results) -> list[Sequence[str]]:
    lines = [
        (
            row.title.partition(", CPU")[0],
            *(_speed(results, peer, row.workload) for peer in _SIDE_BY_SIDE),
        )
        for row in ROWS
        if row.figure is Figure.CPU_US and results.readings(OURS, row.workload)
    ]
    titles = (PEERS[peer].title for peer in _SIDE_BY_SIDE)
    return _headed(("per second; p50 / p99 in ms", *titles), lines)


def _extra_lines(results: Results) -> list[Sequence[str]]:
    if not results.peers() & {OURS_ON_SQLITE, BARE}:
        return []
    lines = [
        (row.title, *(figure_text(row, _median(results, peer, row)) for peer in _EXTRA))
        for row in ROWS
        if row.workload in PEERS[OURS_ON_SQLITE].workloads | PEERS[BARE].workloads
        and results.readings(OURS, row.workload)
    ]
    return _headed(("ours again", *(PEERS[peer].title for peer in _EXTRA)), lines)


def _median(results: Results, peer: str, row: Row) -> float | None:
    return results.median(peer, row.workload, row.figure)


def _times(results: Results, peer: str, row: Row) -> str:
    cheaper = ratio(_median(results, peer, row), _median(results, OURS, row))
    return MISSING if cheaper is None else f"{cheaper:.1f}"


def _speed(results: Results, peer: str, workload: str) -> str:
    rate, p50, p99 = (
        results.median(peer, workload, figure)
        for figure in (Figure.PER_SECOND, Figure.P50_US, Figure.P99_US)
    )
    if rate is None or p50 is None or p99 is None:
        return MISSING
    limited = any(is_limited_by_generator(each) for each in results.readings(peer, workload))
    return f"{rate:,.0f}; {p50 / 1000:.2f} / {p99 / 1000:.2f}{' (generator)' if limited else ''}"


def _headed(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    found = list(lines)
    return [head, *found] if found else []


def _table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rest = (
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((head, rule, *rest))
