"""Where the time of a profile went: the functions at the top of its stacks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.failure import BenchError


@dataclass(frozen=True, slots=True)
class OwnTime:
    """A function's share of all samples in which it was itself at work, 0 to 1."""

    function: str
    share: float


def largest_own_times(folded: Iterable[str], count: int) -> tuple[OwnTime, ...]:
    """The first ``count`` of a profile's functions; a line is ``a;b;c 12``, the callee last.

    Raises:
        BenchError: The profile is empty.
    """
    samples: Counter[str] = Counter()
    for line in folded:
        stack, _, number = line.strip().rpartition(" ")
        samples[stack.rpartition(";")[2]] += int(number)
    total = samples.total()
    if not total:
        raise BenchError("the profile is empty: py-spy saw nothing of the server.")
    return tuple(
        OwnTime(function, number / total) for function, number in samples.most_common(count)
    )


def own_time_table(times: Iterable[OwnTime]) -> str:
    """As Markdown."""
    lines = (f"| {each.share:.1%} | `{each.function}` |" for each in times)
    return "\n".join(("| own time | function |", "| --- | --- |", *lines))
