"""Wildcards in the names of events, as in eventemitter2."""

from collections.abc import Sequence

ONE_PART = "*"
ANY_PARTS = "**"

_WILDCARDS = {ONE_PART: 1, ANY_PARTS: 2}


def matches(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """Return whether a name matches a pattern; both are split at the delimiter.

    ``*`` matches exactly one part, ``**`` matches any number of parts, including none.
    """
    # `ends` holds the numbers of the name's parts that the pattern matches so far. This takes
    # ``len(pattern) * len(name)`` steps at most, for any pattern.
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
    """Return whether a part contains ``*`` among other characters, so that it is no wildcard."""
    return any(ONE_PART in part and part not in (ONE_PART, ANY_PARTS) for part in pattern)
