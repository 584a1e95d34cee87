"""Converts the rows of ``message_deliveries``, in steps, when a database is opened and migrated."""

import asyncio
import logging
import time
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.sql.connection.failures import sqlstate
from app.adapters.sql.schema.conversion import STEP_ROWS, ConversionStep, Phase
from app.adapters.sql.schema.upgrade import LOCK_SECONDS, STEP_SECONDS, convert_step

_SENTENCES: Final = {
    Phase.DELIVERIES: "Converted {rows:,} rows of message_deliveries to receipts",
    Phase.MEMBERSHIPS: "Stored the delivered messages of {rows:,} memberships",
    Phase.UNDELIVERED: "Kept {rows:,} deliveries as undelivered",
}
_REPEATED_SQLSTATES: Final = {"55P03", "40P01", "23503"}
"""The errors after which a step is repeated: a lock timeout, a deadlock, a violated foreign key.

A foreign key is violated if the row to which it refers was deleted during the step.
"""
_PAUSE_SECONDS: Final = 0.1

_logger = logging.getLogger(__name__)


async def convert_deliveries(engine: AsyncEngine, rows_of_step: int = STEP_ROWS) -> tuple[str, ...]:
    """Run all remaining steps, each in a transaction.

    Logs and returns a sentence for each phase in which rows were converted.

    Raises:
        TimeoutError: A step took longer than `STEP_SECONDS`.
        DBAPIError: A step failed, or another transaction held a lock for too long. The next call
            begins with the failed step.
    """
    sentences: list[str] = []
    step = await _repeat_step(engine, rows_of_step)
    while step is not None:
        phase, rows, began = step.phase, 0, time.monotonic()
        while step is not None and step.phase is phase:
            rows += step.rows
            step = await _repeat_step(engine, rows_of_step)
        if rows:
            sentence = _SENTENCES[phase].format(rows=rows)
            sentences.append(f"{sentence} ({time.monotonic() - began:.1f} s).")
            _logger.info("%s", sentences[-1])
    return tuple(sentences)


async def _repeat_step(engine: AsyncEngine, rows: int) -> ConversionStep | None:
    began = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(STEP_SECONDS), engine.begin() as connection:
                return await connection.run_sync(convert_step, rows)
        except DBAPIError as failure:
            is_over = time.monotonic() - began > LOCK_SECONDS
            if is_over or sqlstate(failure) not in _REPEATED_SQLSTATES:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
