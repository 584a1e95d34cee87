"""Wildcards in the names of events, as in eventemitter2."""

from collections.abc import Sequence

ONE_PART = "*"
ANY_PARTS = "**"

_WILDCARDS = {ONE_PART: 1, ANY_PARTS: 2}


def matches(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """Return whether a name matches a pattern; both are split at the delimiter.

    ``*`` matches exactly one part, ``**`` matches any number of parts, including none.
    """
    # A number n is in `ends` if the pattern's parts so far match the first n parts of the name. For
    # any pattern, the loop takes at most about ``len(pattern) * len(name)`` steps.
    ends = {0}
    for part in pattern:
        if part == ANY_PARTS:
            ends = set(range(min(ends), len(name) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(name) and part in (ONE_PART, name[end])}
        if not ends:
            return False
    return len(name) in ends


def specificity(pattern: Sequence[str]) -> list[int]:
    """Return a sort key that puts exact parts before ``*``, and ``*`` before ``**``."""
    return [_WILDCARDS.get(part, 0) for part in pattern]


def has_partial_wildcard(pattern: Sequence[str]) -> bool:
    """Return whether a part contains ``*`` and other characters; such a part is no wildcard."""
    return any(ONE_PART in part and part not in (ONE_PART, ANY_PARTS) for part in pattern)
