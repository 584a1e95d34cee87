"""Finds the functions with the most own time in a profile: time at the top of the stack."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.failure import BenchError


@dataclass(frozen=True, slots=True)
class OwnTime:
    """The share of samples, from 0 to 1, in which this function is at the top of the stack."""

    function: str
    share: float


def largest_own_times(folded: Iterable[str], count: int) -> tuple[OwnTime, ...]:
    """Return the ``count`` functions with the most own time.

    Each line of the profile is a stack and its number of samples, such as ``a;b;c 12``. The called
    function is last.

    Raises:
        BenchError: The profile is empty.
    """
    samples: Counter[str] = Counter()
    for line in folded:
        stack, _, number = line.strip().rpartition(" ")
        samples[stack.rpartition(";")[2]] += int(number)
    total = samples.total()
    if not total:
        raise BenchError("the profile is empty: py-spy recorded no sample of the server.")
    return tuple(
        OwnTime(function, number / total) for function, number in samples.most_common(count)
    )


def own_time_table(times: Iterable[OwnTime]) -> str:
    """Format the own times as a Markdown table."""
    lines = (f"| {each.share:.1%} | `{each.function}` |" for each in times)
    return "\n".join(("| own time | function |", "| --- | --- |", *lines))
