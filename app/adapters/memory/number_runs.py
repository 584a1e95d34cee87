"""A compact set of mostly consecutive numbers, such as the messages that a member has received."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class NumberRuns:
    """A set of integers, stored as runs of consecutive numbers.

    Memory grows with the number of gaps, not with the number of integers. Adding a number takes a
    binary search and an insertion into a list.
    """

    __slots__ = ("_bounds", "_size")

    def __init__(self) -> None:
        # The start and the excluded end of the first run, of the second run, and so on.
        self._bounds: list[int] = []
        self._size = 0

    def __contains__(self, number: int) -> bool:
        return bisect_right(self._bounds, number) % 2 == 1

    def __len__(self) -> int:
        return self._size

    def add(self, first: int, end: int) -> None:
        """Add every number from ``first`` up to, but not including, ``end``."""
        # Fast path for the most frequent case: the new numbers are greater than all others.
        if self._bounds and self._bounds[-1] <= first < end:
            self._append(first, end)
            return
        missing = sum(stop - start for start, stop in self.gaps(first, end))
        if not missing:
            return
        bounds = self._bounds
        low, high = bisect_left(bounds, first), bisect_right(bounds, end)
        # Omit a bound of the new run that is inside or at the edge of an existing run.
        bounds[low:high] = [first] * (low % 2 == 0) + [end] * (high % 2 == 0)
        self._size += missing

    def gaps(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the runs missing between ``first`` and ``end``, as pairs of start and excluded end.

        Do not change the set during the iteration.
        """
        bounds = self._bounds
        index = bisect_right(bounds, first)
        if index % 2 == 1:
            first = bounds[index]
            index += 1
        while first < end:
            if index == len(bounds):
                yield first, end
                return
            yield first, min(bounds[index], end)
            first = bounds[index + 1]
            index += 2

    def _append(self, first: int, end: int) -> None:
        if self._bounds[-1] == first:
            self._bounds[-1] = end
        else:
            self._bounds += (first, end)
        self._size += end - first
