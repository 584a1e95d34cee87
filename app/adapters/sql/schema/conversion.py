"""Converts the rows of ``message_deliveries`` to the tables of revision 0006, in bounded steps.

Each step is a short transaction that also stores the progress, so an interrupted conversion
continues with the next step. Servers of revision 0005 may run during the conversion, because the
triggers of `app.adapters.sql.schema.old_servers` copy their changes. Servers of this version start
only after the conversion, so until then ``message_deliveries`` contains the state of every
delivery.

The conversion has three phases:

1. Read ``message_deliveries`` in the order of its primary key. Store receipts, former members, and
   for each message the state that all recipients have reached.
2. Give each membership one range that contains every message of the channel so far.
3. Read the SENT rows of ``message_deliveries``, and remove these messages from the ranges.

If a recipient reports a message between phases 2 and 3, the trigger adds no range, because the
range of phase 2 contains the message. Phase 3 then ignores the row, because its status is not SENT
any more. This requires that triggers and steps see each other's changes. So each step of phases 2
and 3 first locks the table ``delivered_ranges``, in order not to overlap with a transaction that
runs the triggers.
"""

# ruff: noqa: S608 - every statement consists of fragments in this module

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Text,
    bindparam,
    delete,
    insert,
    inspect,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from app.adapters.sql.schema.tables import delivered_ranges

STEP_ROWS: Final = 4_000
"""The maximum number of rows that a step converts."""


class Phase(StrEnum):
    """A phase of the conversion, named after the rows that it reads."""

    DELIVERIES = "deliveries"
    MEMBERSHIPS = "memberships"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class ConversionStep:
    """The phase of a step, and the number of rows that the step has read."""

    phase: Phase
    rows: int


# The table ``delivery_conversion`` exists until the conversion is finished.
_BEGIN = (
    """
    CREATE TABLE delivery_conversion (
        phase TEXT NOT NULL, after_first TEXT NOT NULL, after_second TEXT NOT NULL
    )
    """,
    "INSERT INTO delivery_conversion VALUES ('deliveries', '', '')",
)
_HAS_MESSAGES = text("SELECT EXISTS (SELECT 1 FROM channel_sequences)")
_PROGRESS = text("SELECT phase, after_first, after_second FROM delivery_conversion")
_CONTINUE = text(
    "UPDATE delivery_conversion SET phase = :phase, after_first = :first, after_second = :second"
)

_OF_PAGE = """
(delivery.message_id, delivery.recipient_id) > (:first, :second)
AND (delivery.message_id, delivery.recipient_id) <= (:end_first, :end_second)
"""
# If a trigger has added a receipt before, keep this receipt: it is at least as new as the old row.
_ADD_RECEIPTS = text(
    f"""
    INSERT INTO message_receipts (position, recipient_id, status, updated_at)
    SELECT position, recipient_id, status, updated_at FROM message_deliveries AS delivery
    WHERE {_OF_PAGE} AND status <> 'SENT'
    ON CONFLICT DO NOTHING
    """
)
# If the original backend's tables have no foreign keys, a channel may be missing. Each scalar
# subquery reads a single row; with NOT EXISTS, PostgreSQL may read the whole table for each row.
_ADD_FORMER_MEMBERS = text(
    f"""
    INSERT INTO memberships (channel_id, user_id, left_after)
    SELECT channel_id, recipient_id, last_seq FROM (
        SELECT sequence.channel_id, delivery.recipient_id, MAX(sequence.seq) AS last_seq
        FROM message_deliveries AS delivery
        JOIN message_sequences AS sequence ON sequence.position = delivery.position
        WHERE {_OF_PAGE}
        GROUP BY sequence.channel_id, delivery.recipient_id
    ) AS received
    WHERE (SELECT id FROM channels WHERE channels.id = received.channel_id) IS NOT NULL
        AND (
            SELECT left_after IS NULL FROM memberships AS known
            WHERE known.channel_id = received.channel_id
                AND known.user_id = received.recipient_id
        ) IS NOT TRUE
    ON CONFLICT (channel_id, user_id) DO UPDATE SET left_after = excluded.left_after
    WHERE memberships.left_after < excluded.left_after
    """
)


def _reach(ends: str) -> str:
    # A page may end between the rows of a message. So the last message of a page is left to the
    # next page, unless this page is the last one.
    return f"""
    UPDATE message_sequences SET reached = found.reached
    FROM (
        SELECT position, CASE
            WHEN SUM(CASE status WHEN 'SENT' THEN 1 ELSE 0 END) > 0 THEN 'SENT'
            WHEN SUM(CASE status WHEN 'DELIVERED' THEN 1 ELSE 0 END) > 0 THEN 'DELIVERED'
            ELSE 'READ' END AS reached
        FROM message_deliveries
        WHERE message_id >= :first AND message_id {ends} :end_first
        GROUP BY position
    ) AS found
    WHERE message_sequences.position = found.position AND found.reached <> 'SENT'
        AND (message_sequences.reached = 'SENT' OR found.reached = 'READ')
    """


_REACH_BEFORE_END, _REACH_UNTIL_END = text(_reach("<")), text(_reach("<="))

_OF_MEMBERSHIPS = "(channel_id, user_id) > (:first, :second)"
_UNTIL_END = "(channel_id, user_id) <= (:end_first, :end_second)"
_REMOVE_RANGES = text(f"DELETE FROM delivered_ranges WHERE {_OF_MEMBERSHIPS} AND {_UNTIL_END}")
_ADD_RANGES = text(
    f"""
    INSERT INTO delivered_ranges (channel_id, user_id, first_seq, end_seq)
    SELECT channel_id, user_id, 1, COALESCE(left_after, last_seq) + 1
    FROM memberships JOIN channel_sequences USING (channel_id)
    WHERE {_OF_MEMBERSHIPS} AND {_UNTIL_END} AND COALESCE(left_after, last_seq) > 0
    """
)

# Selects each series of consecutive SENT messages of a member, and the range that contains them.
_UNDELIVERED = text(
    """
    SELECT island.channel_id, island.user_id, island.first_seq, island.end_seq,
        range.first_seq AS range_first, range.end_seq AS range_end
    FROM (
        SELECT channel_id, user_id, MIN(seq) AS first_seq, MAX(seq) + 1 AS end_seq FROM (
            SELECT sequence.channel_id, delivery.recipient_id AS user_id, sequence.seq,
                sequence.seq - ROW_NUMBER() OVER (
                    PARTITION BY sequence.channel_id, delivery.recipient_id ORDER BY sequence.seq
                ) AS island
            FROM message_deliveries AS delivery
            JOIN message_sequences AS sequence ON sequence.position = delivery.position
            WHERE delivery.status = 'SENT'
                AND (delivery.recipient_id, delivery.position) > (:first, :second)
                AND (delivery.recipient_id, delivery.position) <= (:end_first, :end_second)
        ) AS undelivered
        GROUP BY channel_id, user_id, island
    ) AS island
    JOIN delivered_ranges AS range
        ON range.channel_id = island.channel_id AND range.user_id = island.user_id
        AND range.first_seq = (
            SELECT MAX(first_seq) FROM delivered_ranges AS other
            WHERE other.channel_id = island.channel_id AND other.user_id = island.user_id
                AND other.first_seq <= island.first_seq
        )
    WHERE range.end_seq > island.first_seq
    ORDER BY island.channel_id, island.user_id, island.first_seq
    """
).bindparams(bindparam("second", type_=BigInteger), bindparam("end_second", type_=BigInteger))
_THE_RANGE = (
    delivered_ranges.c.channel_id == bindparam("channel"),
    delivered_ranges.c.user_id == bindparam("user"),
    delivered_ranges.c.first_seq == bindparam("first"),
)
_SHORTEN = update(delivered_ranges).where(*_THE_RANGE).values(end_seq=bindparam("end"))
_REMOVE = delete(delivered_ranges).where(*_THE_RANGE)


def begin_conversion(connection: Connection) -> None:
    """If there are messages, store that the conversion is unfinished."""
    if connection.execute(_HAS_MESSAGES).scalar_one():
        for statement in _BEGIN:
            connection.exec_driver_sql(statement)


def cancel_conversion(connection: Connection) -> None:
    """Delete the stored progress, so that the conversion counts as finished."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS delivery_conversion")


def is_unfinished(connection: Connection) -> bool:
    """Return whether the conversion has begun and is not finished. Blocks on the database."""
    return inspect(connection).has_table("delivery_conversion")


def convert_some(connection: Connection, rows: int = STEP_ROWS) -> ConversionStep | None:
    """Convert up to ``rows`` rows in the caller's transaction; return None when all are converted.

    Does not lock out other processes: `app.adapters.sql.schema.upgrade.convert_step` takes the
    necessary lock, and then calls this.
    """
    if not is_unfinished(connection):
        return None
    name, first, second = connection.execute(_PROGRESS).one()
    phase = Phase(name)
    page = None
    if phase is Phase.MEMBERSHIPS or inspect(connection).has_table("message_deliveries"):
        if phase is not Phase.DELIVERIES and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE delivered_ranges IN SHARE ROW EXCLUSIVE MODE")
        page = _PAGES[phase].following(connection, (first, second), rows)
    if page is not None:
        _CONVERT[phase](connection, page)
    if page is not None and not page.is_last:
        _go_on(connection, phase, str(page.end_first), str(page.end_second))
    elif phase is Phase.UNDELIVERED:
        cancel_conversion(connection)
    else:
        _go_on(connection, _NEXT[phase], "", "")
    return ConversionStep(phase, 0 if page is None else page.rows)


def _go_on(connection: Connection, phase: Phase, first: str, second: str) -> None:
    connection.execute(_CONTINUE, {"phase": phase, "first": first, "second": second})


@dataclass(frozen=True, slots=True)
class _Page:
    """The rows after the keys ``first`` and ``second``, up to ``end_first`` and ``end_second``."""

    first: str
    second: str | int
    end_first: str
    end_second: str | int
    rows: int
    is_last: bool

    @property
    def bounds(self) -> dict[str, str | int]:
        return {
            "first": self.first,
            "second": self.second,
            "end_first": self.end_first,
            "end_second": self.end_second,
        }


class _Pages:
    """Divides a table into pages, in the order of an index."""

    def __init__(
        self, table: str, first: str, second: str, of: TypeEngine[Any], condition: str = ""
    ) -> None:
        self._is_number = isinstance(of, BigInteger)
        rows = f"FROM {table} WHERE {condition} ({first}, {second}) > (:first, :second)"
        query = f"SELECT {first}, {second} {rows} ORDER BY {first}"
        bound = bindparam("second", type_=of)
        self._end = text(f"{query}, {second} LIMIT 1 OFFSET :skipped").bindparams(bound)
        self._last = text(f"{query} DESC, {second} DESC LIMIT 1").bindparams(bound)
        self._count = text(f"SELECT count(*) {rows}").bindparams(bound)

    def following(self, connection: Connection, after: tuple[str, str], rows: int) -> _Page | None:
        """Return the next page after these keys; None if there are no more rows."""
        first, second = after[0], int(after[1] or 0) if self._is_number else after[1]
        start: dict[str, object] = {"first": first, "second": second}
        end = connection.execute(self._end, {**start, "skipped": rows - 1}).one_or_none()
        if is_last := end is None:
            rows = connection.execute(self._count, start).scalar_one()
            end = connection.execute(self._last, start).one_or_none()
        if end is None:
            return None
        end_first, end_second = end
        return _Page(first, second, end_first, end_second, rows, is_last)


def _convert_deliveries(connection: Connection, page: _Page) -> None:
    connection.execute(_ADD_RECEIPTS, page.bounds)
    connection.execute(_ADD_FORMER_MEMBERS, page.bounds)
    connection.execute(
        _REACH_UNTIL_END if page.is_last else _REACH_BEFORE_END,
        {"first": page.first, "end_first": page.end_first},
    )


def _convert_memberships(connection: Connection, page: _Page) -> None:
    connection.execute(_REMOVE_RANGES, page.bounds)
    connection.execute(_ADD_RANGES, page.bounds)


def _convert_undelivered(connection: Connection, page: _Page) -> None:
    shortened: list[dict[str, object]] = []
    removed: list[dict[str, object]] = []
    added: list[dict[str, object]] = []
    for (channel_id, user_id, first), rows in groupby(
        connection.execute(_UNDELIVERED, page.bounds),
        key=lambda row: (row.channel_id, row.user_id, row.range_first),
    ):
        (start, end), *others = _pieces(first, list(rows))
        key = {"channel": channel_id, "user": user_id, "first": first}
        if end > start:
            shortened.append({**key, "end": end})
        else:
            removed.append(key)
        added += (
            {"channel_id": channel_id, "user_id": user_id, "first_seq": start, "end_seq": end}
            for start, end in others
            if end > start
        )
    for statement, parameters in (
        (_SHORTEN, shortened),
        (_REMOVE, removed),
        (insert(delivered_ranges), added),
    ):
        if parameters:
            connection.execute(statement, parameters)


def _pieces(first: int, islands: list[Row[Any]]) -> Iterator[tuple[int, int]]:
    """Return the parts of a range before, between and after the islands that it contains.

    An island is a series of undelivered messages. The first and the last part may be empty.
    """
    for island in islands:
        yield first, island.first_seq
        first = island.end_seq
    yield first, islands[-1].range_end


_PAGES: Mapping[Phase, _Pages] = {
    Phase.DELIVERIES: _Pages("message_deliveries", "message_id", "recipient_id", Text()),
    Phase.MEMBERSHIPS: _Pages("memberships", "channel_id", "user_id", Text()),
    Phase.UNDELIVERED: _Pages(
        "message_deliveries", "recipient_id", "position", BigInteger(), "status = 'SENT' AND"
    ),
}
_CONVERT: Mapping[Phase, Callable[[Connection, _Page], None]] = {
    Phase.DELIVERIES: _convert_deliveries,
    Phase.MEMBERSHIPS: _convert_memberships,
    Phase.UNDELIVERED: _convert_undelivered,
}
_NEXT: Mapping[Phase, Phase] = {
    Phase.DELIVERIES: Phase.MEMBERSHIPS,
    Phase.MEMBERSHIPS: Phase.UNDELIVERED,
}
