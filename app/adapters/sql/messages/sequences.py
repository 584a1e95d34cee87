"""A message's place in its channel, and who it is to be delivered to: for sent and adopted ones."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from sqlalchemy import Connection, Insert, Select, and_, bindparam, insert, select
from sqlalchemy.sql.dml import ReturningInsert

from app.adapters.sql.schema.dialects import UPSERTS, Upsert
from app.adapters.sql.schema.tables import (
    channel_members,
    channel_sequences,
    message_deliveries,
    message_sequences,
    messages,
    users,
)
from app.domain.ids import ChannelId, MessageId

RECIPIENTS = (
    select(
        message_sequences.c.message_id,
        users.c.id,
        message_sequences.c.channel_id,
        message_sequences.c.position,
    )
    .join(messages, messages.c.id == message_sequences.c.message_id)
    .join(
        channel_members,
        and_(
            channel_members.c.channelId == message_sequences.c.channel_id,
            channel_members.c.userId != messages.c.userId,
        ),
    )
    .join(users, users.c.id == channel_members.c.userId)
    .where(message_sequences.c.message_id.in_(bindparam("message_ids", expanding=True)))
    .with_for_update(read=True, key_share=True, of=users)
)
"""Every other member of the channels of ``message_ids``.

The users' rows are locked, as the foreign keys are going to: one who is being deleted is left out,
and does not break the statement.
"""


def _taking(given: Upsert) -> ReturningInsert[*tuple[Any, ...]]:
    return given.on_conflict_do_update(
        index_elements=[channel_sequences.c.channel_id],
        set_={"last_seq": channel_sequences.c.last_seq + given.excluded.last_seq},
    ).returning(channel_sequences.c.channel_id, channel_sequences.c.last_seq)


_TAKE = {dialect: _taking(upsert(channel_sequences)) for dialect, upsert in UPSERTS.items()}
_PLACE = insert(message_sequences)


def take_numbers(
    connection: Connection, counts: Mapping[ChannelId, int]
) -> dict[ChannelId, Iterator[int]]:
    """Give each channel as many numbers as it asks for, the lowest first.

    The channels' rows stay locked until the transaction ends, so that numbers are given in the
    order of commits and one that was rolled back is given again; to ask for none only locks. They
    are locked in sorted order, so that transactions which want several cannot wait in a ring.
    """
    rows = [
        {"channel_id": channel_id, "last_seq": counts[channel_id]} for channel_id in sorted(counts)
    ]
    last_seqs = connection.execute(_TAKE[connection.dialect.name], rows).all()
    return {
        channel_id: count(last_seq - counts[channel_id] + 1) for channel_id, last_seq in last_seqs
    }


def insert_places(
    connection: Connection, places: Iterable[tuple[MessageId, ChannelId, int]]
) -> None:
    """Store numbers that were taken in this transaction; positions are given in the same order."""
    rows = [
        {"message_id": message_id, "channel_id": channel_id, "seq": seq}
        for message_id, channel_id, seq in places
    ]
    connection.execute(_PLACE, rows)


def deliveries_to(recipients: Select[*tuple[Any, ...]]) -> Insert:
    """The statement that stores a delivery for each of `RECIPIENTS`.

    Args:
        recipients: With two columns more: the delivery's status, and since when.
    """
    columns = ["message_id", "recipient_id", "channel_id", "position", "status", "updated_at"]
    return insert(message_deliveries).from_select(columns, recipients)
