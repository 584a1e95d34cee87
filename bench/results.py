"""The results of a run (readings, date, machine, versions), saved as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.readings import Figure, Reading


@dataclass(frozen=True, slots=True)
class Sample:
    """The reading of one run of the generator."""

    peer: str
    workload: str
    round: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Results:
    """All samples of a run.

    Attributes:
        date: The day of the run, such as ``2026-11-23``.
        machine: A line that describes the machine.
        versions: The versions of the software, by name.
        rounds: The number of rounds.
        samples: One sample for each server, workload and round.
    """

    date: str
    machine: str
    versions: Mapping[str, str]
    rounds: int
    samples: tuple[Sample, ...]

    def median(self, peer: str, workload: str, figure: Figure) -> float | None:
        """Return the median of all rounds; None if the figure was not measured."""
        values = [
            sample.reading[figure]
            for sample in self.samples
            if (sample.peer, sample.workload) == (peer, workload) and figure in sample.reading
        ]
        return median(values) if values else None

    def readings(self, peer: str, workload: str) -> tuple[Reading, ...]:
        """Return the readings of all rounds."""
        return tuple(
            sample.reading
            for sample in self.samples
            if (sample.peer, sample.workload) == (peer, workload)
        )

    def peers(self) -> frozenset[str]:
        """Return the names of the measured servers."""
        return frozenset(sample.peer for sample in self.samples)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Return ``theirs / ours``; None if one of the two figures is missing or zero."""
    return theirs / ours if theirs and ours else None


def save_results(results: Results, file: Path) -> None:
    """Write the results with one sample per line, so that runs can be compared with diff."""
    head = asdict(results) | {"samples": []}
    text = json.dumps(head, indent=1).removesuffix('"samples": []\n}')
    lines = ",\n  ".join(json.dumps(asdict(sample)) for sample in results.samples)
    file.write_text(f'{text}"samples": [\n  {lines}\n ]\n}}\n')


def load_results(file: Path) -> Results:
    """Read a file that `save_results` has written."""
    found = json.loads(file.read_text())
    samples = (_sample(**each) for each in found.pop("samples"))
    return Results(samples=tuple(samples), **found)


def _sample(reading: Mapping[str, float], **rest: Any) -> Sample:
    return Sample(reading={Figure(name): value for name, value in reading.items()}, **rest)
