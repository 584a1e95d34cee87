"""Retries writes whose rows another transaction has locked.

On PostgreSQL, the frequent writes skip locked rows instead of waiting for them. A write that waits
while it holds other locks could deadlock with a transaction of the original backend, because the
original backend locks rows in no particular order.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Final, TypeVar

from app.domain.errors import Unavailable

_FIRST_PAUSE_SECONDS: Final = 0.002
_MAX_PAUSE_SECONDS: Final = 0.05

Item = TypeVar("Item")
Result = TypeVar("Result")


class Locked(Enum):
    """The result of an item that was skipped because one of its rows is locked."""

    LOCKED = auto()


async def retry_locked(
    items: Sequence[Item],
    results: Sequence[Result | Locked],
    write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Locked]]],
    seconds: float,
) -> Sequence[Result | Unavailable]:
    """Retry the skipped items until no item is skipped, for at most ``seconds``.

    If an item is still skipped after this time, or its retry fails, its result is `Unavailable`.
    This error is returned and not raised, because the other items are stored.
    """
    done: list[Result | Locked | Unavailable] = list(results)
    until = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while left := [index for index, result in enumerate(done) if result is Locked.LOCKED]:
        again: Sequence[Result | Locked | Unavailable]
        if time.monotonic() + pause > until:
            again = [Unavailable() for _ in left]
        else:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            try:
                again = await write([items[index] for index in left])
            except Unavailable as error:
                again = [type(error)() for _ in left]
        for index, result in zip(left, again, strict=True):
            done[index] = result
    return [result for result in done if not isinstance(result, Locked)]
