"""Retries the items that a write has skipped.

On PostgreSQL, the frequent writes skip rows that another transaction has locked, instead of waiting
for them. A write that waits while it holds other locks could deadlock with a transaction of the
original backend, because the original backend locks rows in no particular order. A write may also
skip items that it does not support.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Final, TypeVar

from app.domain.errors import Unavailable

_MIN_PAUSE_SECONDS: Final = 0.002
_MAX_PAUSE_SECONDS: Final = 0.05

Item = TypeVar("Item")
Result = TypeVar("Result")


class Skipped(Enum):
    """The result of an item that was not written, but may be written by a retry."""

    SKIPPED = auto()


async def retry_skipped(
    items: Sequence[Item],
    results: Sequence[Result | Skipped],
    write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Skipped | Unavailable]]],
    seconds: float,
    *,
    pause_seconds: float = _MIN_PAUSE_SECONDS,
) -> Sequence[Result | Unavailable]:
    """Retry the skipped items until no item is skipped, for at most ``seconds``.

    If an item is still skipped after this time, or its retry fails, its result is `Unavailable`.
    This error is returned and not raised, because the other items are stored.

    Args:
        pause_seconds: The pause before the first retry. Later pauses double, up to 50 ms.
    """
    done: list[Result | Skipped | Unavailable] = list(results)
    until = time.monotonic() + seconds
    pause = pause_seconds
    while left := [index for index, result in enumerate(done) if result is Skipped.SKIPPED]:
        again: Sequence[Result | Skipped | Unavailable]
        if time.monotonic() + pause > until:
            again = [Unavailable() for _ in left]
        else:
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
            try:
                again = await write([items[index] for index in left])
            except Unavailable as error:
                again = [type(error)() for _ in left]
        for index, result in zip(left, again, strict=True):
            done[index] = result
    return [result for result in done if not isinstance(result, Skipped)]
