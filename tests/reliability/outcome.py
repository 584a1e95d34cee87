"""The outcome of a scenario, in figures and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.reliability.evidence import Notes

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a scenario.

    Attributes:
        unavailable: The number of sends that were refused as ``unavailable``.
        seconds: The duration of the scenario.
        violations: A sentence for each violation of an invariant.
    """

    scenario: str
    seed: int
    notes: Notes
    unavailable: int
    faults: int
    seconds: float
    violations: Sequence[str]

    def __str__(self) -> str:
        sends = self.notes.sends
        acks = sum(bool(send.acks) for send in sends)
        retries = sum(max(send.attempts - 1, 0) for send in sends)
        slowest = max(answer.seconds for answer in self.notes.answers)
        verdict = "no violations" if not self.violations else f"{len(self.violations)} VIOLATIONS"
        figures = (
            f"{len(sends)} messages, {acks} acked, {self.faults} faults, {retries} sent again, "
            f"{self.unavailable} unavailable, slowest answer {slowest:.2f} s, {self.seconds:.0f} s"
        )
        if self.notes.outages:
            recovery = max(outage.recovery_seconds for outage in self.notes.outages)
            figures += f", slowest recovery {recovery:.1f} s"
        if any(restart.clients for restart in self.notes.restarts):
            clients = self.notes.restarts[0].clients
            back = max(restart.seconds for restart in self.notes.restarts)
            figures += f", {clients} clients back after {back:.1f} s"
        if self.notes.received_by_nest:
            figures += f", {len(self.notes.received_by_nest)} received by a client of NestJS"
        figures += f", {self.notes.memory_mb:.0f} MB"
        shown = [f"  {sentence}" for sentence in self.violations[:_SHOWN]]
        return "\n".join([f"{self.scenario}: {figures}, seed {self.seed}: {verdict}", *shown])
