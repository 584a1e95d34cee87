"""The limits of a `ThrottlerGuard`: of the module, and of a single handler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from app.framework.common.context import ExecutionContext

THROTTLE = "@throttle"
"""The metadata key of `throttle`: `ThrottleLimits` by the name of the throttler."""

SKIP_THROTTLE = "@skip_throttle"
"""The metadata key of `skip_throttle`: booleans by the name of the throttler."""

DEFAULT = "default"
"""The default name of a throttler."""


@dataclass(frozen=True, slots=True)
class ThrottlerOptions:
    """One throttler of `ThrottlerModule.for_root`: at most ``limit`` calls within ``ttl``.

    Attributes:
        ttl: The time during which a call counts, in milliseconds.
        limit: The number of calls that are allowed within ``ttl``.
        name: Unique among the throttlers of the module.
        block_duration: The time during which calls are refused after the limit was exceeded, in
            milliseconds; by default ``ttl``. With 0, a call is allowed as soon as an earlier call
            no longer counts.
        skip_if: Returns True for calls that the throttler does not count.
    """

    ttl: float
    limit: int
    name: str = DEFAULT
    block_duration: float | None = None
    skip_if: Callable[[ExecutionContext], bool] | None = None


class ThrottleLimits(TypedDict, total=False):
    """The options of a throttler that `throttle` sets for one handler."""

    ttl: float
    limit: int
    block_duration: float


def complaint_about(ttl: object, limit: object, block_duration: object) -> str | None:
    """Return a complaint about invalid options, or None if the options are valid."""
    if not _is_number(ttl) or not ttl > 0:  # type: ignore[operator]
        return f"ttl={ttl!r} must be a positive number of milliseconds"
    if type(limit) is not int or limit < 0:
        return f"limit={limit!r} must be a whole number of at least 0"
    if block_duration is not None and not (
        _is_number(block_duration) and block_duration >= 0  # type: ignore[operator]
    ):
        return f"block_duration={block_duration!r} must be a number of milliseconds"
    return None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
