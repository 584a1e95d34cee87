"""Draws the cost of each event on each server, on a logarithmic scale."""

import math
from dataclasses import dataclass

from bench.measured_servers import NEST, OURS, PEERS, PYTHON_SOCKETIO, SOCKETIO
from bench.readings import Figure
from bench.results import Results
from bench.rows import ROWS
from bench.svg import document, element, text

_WIDTH, _LEFT, _RIGHT = 860.0, 250.0, 30.0
_TOP, _LINE = 80.0, 32.0
_RADIUS = 6.5
_COLOURS = {PYTHON_SOCKETIO: "#3572a5", NEST: "#e0234e", SOCKETIO: "#8a8f98", OURS: "#1a9b50"}
"""The colours in drawing order: the dot of our server is drawn last, on top."""

_TITLE = "Server CPU per event, delivery or connection, in µs, on a logarithmic scale"


@dataclass(frozen=True, slots=True)
class _Scale:
    """A logarithmic axis from ``10**first`` to ``10**last``."""

    first: int
    last: int

    def x(self, value: float) -> float:
        """Return the x coordinate of a value."""
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def powers(self) -> range:
        """Return the exponents of the grid lines."""
        return range(self.first, self.last + 1)


def draw(results: Results) -> str:
    """Draw the run as SVG: one line per CPU figure, with a dot for each server."""
    rows = [row for row in ROWS if row.figure in (Figure.CPU_US, Figure.CONNECT_US)]
    values = {
        (row.workload, peer): value
        for row in rows
        for peer in _COLOURS
        if (value := results.median(peer, row.workload, row.figure))
    }
    scale = _scale(list(values.values()))
    bottom = _TOP + len(rows) * _LINE
    parts = [text(_TITLE, 16, 28, class_="title"), *_legend(), *_grid(scale, bottom)]
    for number, row in enumerate(rows):
        y = _TOP + (number + 0.5) * _LINE
        parts.append(text(row.title.partition(", CPU")[0], 16, y + 4))
        parts.extend(
            _dot(scale, peer, y, values[row.workload, peer])
            for peer in _COLOURS
            if (row.workload, peer) in values
        )
    origin = f"{results.date}, {results.machine}. Medians of {results.rounds} rounds."
    parts.append(text(origin, 16, bottom + 44, class_="small"))
    return document(_WIDTH, bottom + 60, f"{_TITLE}. The table has the figures.", *parts)


def _scale(values: list[float]) -> _Scale:
    if not values:
        return _Scale(0, 3)
    return _Scale(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))


def _legend() -> list[str]:
    parts, x = [], 22.0
    for peer in reversed(_COLOURS):
        parts.append(element("circle", cx=x, cy=52, r=_RADIUS, fill=_COLOURS[peer]))
        parts.append(text(PEERS[peer].title, x + 12, 56))
        x += 50 + 7.5 * len(PEERS[peer].title)
    return parts


def _grid(scale: _Scale, bottom: float) -> list[str]:
    parts = []
    for power in scale.powers():
        x = scale.x(10**power)
        parts.append(element("line", x1=x, y1=_TOP, x2=x, y2=bottom, class_="grid"))
        label = f"{10**power:g} µs"
        parts.append(text(label, x, bottom + 18, class_="small", text_anchor="middle"))
    return parts


def _dot(scale: _Scale, peer: str, y: float, value: float) -> str:
    shape = element("title", f"{PEERS[peer].title}: {value:.3g} µs")
    return element("circle", shape, cx=scale.x(value), cy=y, r=_RADIUS, fill=_COLOURS[peer])
