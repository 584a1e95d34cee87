"""Sets of numbers that mostly follow one another: what a member has received of a channel."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class NumberRuns:
    """A set of whole numbers, kept as the runs they form: its gaps cost memory, its members none.

    To add one takes as long as to find its run, and then what a list takes to insert.
    """

    __slots__ = ("_bounds", "_size")

    def __init__(self) -> None:
        # The first number of a run, the first after it, and so on: sorted, and without repetition.
        self._bounds: list[int] = []
        self._size = 0

    def __contains__(self, number: int) -> bool:
        return bisect_right(self._bounds, number) % 2 == 1

    def __len__(self) -> int:
        return self._size

    def add(self, first: int, end: int) -> None:
        """Add every number from ``first`` up to, but not including, ``end``."""
        if self._bounds and self._bounds[-1] <= first < end:  # as nearly always: what is newest
            self._append(first, end)
            return
        missing = sum(stop - start for start, stop in self.gaps(first, end))
        if not missing:
            return
        bounds = self._bounds
        low, high = bisect_left(bounds, first), bisect_right(bounds, end)
        # A bound of the new run that lies within an old one, or touches it, is none.
        bounds[low:high] = [first] * (low % 2 == 0) + [end] * (high % 2 == 0)
        self._size += missing

    def gaps(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The runs of numbers that are missing from ``first`` up to ``end``, each without its end.

        Not to be gone on with after a change.
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
