"""All readings of a run, with where and when they were taken; kept as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.readings import Figure, Reading


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the generator."""

    peer: str
    workload: str
    round: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Results:
    """A run.

    Attributes:
        date: Of its end, as ``2026-11-23``.
        machine: In a line, for people.
        versions: By name, for people.
    """

    date: str
    machine: str
    versions: Mapping[str, str]
    rounds: int
    samples: tuple[Sample, ...]

    def median(self, peer: str, workload: str, figure: Figure) -> float | None:
        """The middle of all rounds; None for what was not measured."""
        values = [
            sample.reading[figure]
            for sample in self.samples
            if (sample.peer, sample.workload) == (peer, workload) and figure in sample.reading
        ]
        return median(values) if values else None

    def readings(self, peer: str, workload: str) -> tuple[Reading, ...]:
        """Of all rounds."""
        return tuple(
            sample.reading
            for sample in self.samples
            if (sample.peer, sample.workload) == (peer, workload)
        )

    def peers(self) -> frozenset[str]:
        """Those that were measured."""
        return frozenset(sample.peer for sample in self.samples)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """How many times cheaper ours is; None when that cannot be said."""
    return theirs / ours if theirs and ours else None


def save_results(results: Results, file: Path) -> None:
    """Write them; a sample a line, so that a difference between runs can be read."""
    head = asdict(results) | {"samples": []}
    text = json.dumps(head, indent=1).removesuffix('"samples": []\n}')
    lines = ",\n  ".join(json.dumps(asdict(sample)) for sample in results.samples)
    file.write_text(f'{text}"samples": [\n  {lines}\n ]\n}}\n')


def load_results(file: Path) -> Results:
    """What `save_results` has written."""
    found = json.loads(file.read_text())
    samples = (_sample(**each) for each in found.pop("samples"))
    return Results(samples=tuple(samples), **found)


def _sample(reading: Mapping[str, float], **rest: Any) -> Sample:
    return Sample(reading={Figure(name): value for name, value in reading.items()}, **rest)
