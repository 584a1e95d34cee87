"""Whether what the issue asks for holds."""

from dataclasses import dataclass

from bench.lineup import BARE, OURS, PEERS
from bench.readings import Figure
from bench.results import Results, ratio
from bench.rows import ROWS, Row

PIPELINE_US = 4.0
"""What guards, throttle, validation and interceptors may add to an event without I/O."""

FLAT = 1.25
"""A disconnect with 19,000 open may cost as many times one with 5,000: no more than noise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what was asked, what was found."""

    title: str
    wanted: str
    found: str
    held: bool

    @property
    def word(self) -> str:
        """``PASS`` or ``MISS``."""
        return "PASS" if self.held else "MISS"


def at_least(title: str, found: float, wanted: float) -> Verdict:
    """That something is so many times cheaper."""
    return Verdict(title, f"at least {wanted:g}x", f"{found:.2f}x", held=found >= wanted)


def at_most(title: str, found: float, wanted: float, unit: str) -> Verdict:
    """That something does not exceed a bound."""
    return Verdict(title, f"at most {wanted:g} {unit}", f"{found:.1f} {unit}", held=found <= wanted)


def verdicts(results: Results) -> tuple[Verdict, ...]:
    """One for each target that the run has figures for."""
    return (*(each for row in ROWS for each in _of_row(row, results)), *_of_several(results))


def _of_row(row: Row, results: Results) -> list[Verdict]:
    ours = results.median(OURS, row.workload, row.figure)
    if ours is None:
        return []
    found = []
    for peer, times in row.times_cheaper.items():
        cheaper = ratio(results.median(peer, row.workload, row.figure), ours)
        if cheaper is not None:
            found.append(at_least(f"{row.title}, than {PEERS[peer].title}", cheaper, times))
    if row.at_most is not None:
        found.append(at_most(row.title, ours, row.at_most, row.unit))
    return found


def _of_several(results: Results) -> list[Verdict]:
    found = []
    few = results.median(OURS, "idle5k", Figure.DISCONNECT_US)
    many = results.median(OURS, "idle19k", Figure.DISCONNECT_US)
    if few and many:
        found.append(at_most("disconnect, 19,000 open to 5,000 open", many / few, FLAT, "times"))
    whole = results.median(OURS, "ack", Figure.CPU_US)
    bare = results.median(BARE, "ack", Figure.CPU_US)
    if whole and bare:
        found.append(at_most("what the pipeline adds to an event", whole - bare, PIPELINE_US, "µs"))
    return found
