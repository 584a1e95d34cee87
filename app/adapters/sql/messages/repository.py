"""Stores, changes and reads messages."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import (
    Connection,
    Insert,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningInsert

from app.adapters.sql.connection.database import Database
from app.adapters.sql.messages.client_message_ids import Claim, claim_ids, find_first_sends
from app.adapters.sql.queries import (
    USER_COLUMNS,
    belongs,
    lock_message,
    read_page,
    select_messages,
    to_message,
)
from app.adapters.sql.schema.dialects import UPSERTS, Upsert, is_among, is_one_of
from app.adapters.sql.schema.tables import (
    channel_members,
    channel_sequences,
    channels,
    message_deliveries,
    message_sequences,
    messages,
    users,
)
from app.domain.delivery import DeliveryState
from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember, NotTheAuthor
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft, User
from app.ports import AddOutcome, MessageRepository, StoredMessage

_Membership: TypeAlias = tuple[ChannelId, UserId]

# Locks members, users and channels against deletion until the transaction ends: without these
# locks, one deletion could make a foreign key fail the whole batch. Deletions lock in the same
# order. SQLite ignores FOR UPDATE, because its transaction has locked the whole database.
_SENDERS = (
    select(channel_members.c.channelId, *USER_COLUMNS)
    .select_from(users)
    .join(channel_members, channel_members.c.userId == users.c.id)
    .join(channels, channels.c.id == channel_members.c.channelId)
    .where(is_among(channel_members.c.channelId, channel_members.c.userId, "memberships"))
    .with_for_update(read=True, key_share=True, of=(users, channels, channel_members))
)
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
"""Selects the recipients of ``message_ids``: every member of the channel except the author.

Locks the users' rows before the foreign keys do, so that a user who is being deleted is left out
instead of failing the statement.
"""
_LAST_SEQS = select(channel_sequences.c.channel_id, channel_sequences.c.last_seq).where(
    is_one_of(channel_sequences.c.channel_id, "channel_ids")
)


def deliveries_to(recipients: Select[*tuple[Any, ...]]) -> Insert:
    """Build the statement that inserts a delivery for each of the `RECIPIENTS`.

    Args:
        recipients: `RECIPIENTS` with two more columns: the status of the delivery, and its time.
    """
    columns = ["message_id", "recipient_id", "channel_id", "position", "status", "updated_at"]
    return insert(message_deliveries).from_select(columns, recipients)


_DELIVERIES = deliveries_to(
    RECIPIENTS.add_columns(
        literal(DeliveryState.SENT, message_deliveries.c.status.type),
        bindparam("now", type_=message_deliveries.c.updated_at.type),
    )
)


def _taking(given: Upsert) -> ReturningInsert[*tuple[Any, ...]]:
    return given.on_conflict_do_update(
        index_elements=[channel_sequences.c.channel_id],
        set_={"last_seq": channel_sequences.c.last_seq + given.excluded.last_seq},
    ).returning(channel_sequences.c.channel_id, channel_sequences.c.last_seq)


_TAKE = {dialect: _taking(upsert(channel_sequences)) for dialect, upsert in UPSERTS.items()}
_STORE = insert(messages)
_SEQUENCE = insert(message_sequences)


def take_sequences(
    connection: Connection, counts: Mapping[ChannelId, int]
) -> dict[ChannelId, Iterator[int]]:
    """Take the next ``counts[channel_id]`` sequence numbers of each channel.

    The rows of the channels stay locked until the transaction ends. So the numbers follow the order
    of commits, and numbers of a transaction that was rolled back are used again. A count of 0 only
    locks the row. The rows are locked in sorted order, so that transactions cannot deadlock.
    """
    rows = [
        {"channel_id": channel_id, "last_seq": counts[channel_id]} for channel_id in sorted(counts)
    ]
    last_seqs = connection.execute(_TAKE[connection.dialect.name], rows).all()
    return {
        channel_id: count(last_seq - counts[channel_id] + 1) for channel_id, last_seq in last_seqs
    }


def insert_sequences(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert numbers from `take_sequences`. The database assigns positions in the same order."""
    connection.execute(_SEQUENCE, rows)


class SqlMessageRepository(MessageRepository):
    """Stores contents in the original backend's table, and other data in this project's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        async with self._database.transaction() as connection:
            return await connection.run_sync(_store_all, drafts, now)

    async def update(
        self, message_id: MessageId, editor_id: UserId, content: str, now: datetime
    ) -> Message:
        statement = update(messages).where(messages.c.id == message_id)
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(statement.values(content=content, updatedAt=now))
            return replace(message, content=content, updated_at=now)

    async def delete(self, message_id: MessageId, editor_id: UserId) -> DeletedMessage:
        """Delete the message. Foreign keys delete its sequence, deliveries and receipts."""
        async with self._database.transaction() as connection:
            message = await lock_message(connection, message_id, editor_id)
            if message.user_id != editor_id:
                raise NotTheAuthor
            await connection.execute(delete(messages).where(messages.c.id == message_id))
            return DeletedMessage(message_id=message_id, channel_id=message.channel_id)

    async def list_after(
        self, channel_id: ChannelId, reader_id: UserId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        async with self._database.reading() as connection:
            if not await connection.scalar(select(belongs(channel_id, reader_id))):
                raise NotAMember
            return await read_page(connection, channel_id, after_seq, limit)

    async def stored_after(
        self, channel_id: ChannelId, after_seq: int, limit: int
    ) -> tuple[Message, ...]:
        async with self._database.asking() as connection:
            return await read_page(connection, channel_id, after_seq, limit)

    async def last_seqs(self, channel_ids: Collection[ChannelId]) -> Mapping[ChannelId, int]:
        async with self._database.asking() as connection:
            rows = await connection.execute(_LAST_SEQS, {"channel_ids": channel_ids})
            found = rows.all()
        return dict.fromkeys(channel_ids, 0) | {ChannelId(each): last for each, last in found}

    async def find(self, message_id: MessageId) -> Message | None:
        """Read a message. The original backend's messages are found once they are adopted."""
        query = select_messages().where(messages.c.id == message_id)
        async with self._database.asking() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else to_message(row)


def _store_all(
    connection: Connection, drafts: Sequence[MessageDraft], now: datetime
) -> list[AddOutcome]:
    """Store the drafts that are allowed and new, and return one outcome per draft.

    A batch takes as many statements as a single message. All nodes lock rows in the same order:
    first client message ids, then channels, both sorted.

    Synchronous, for ``run_sync``, which creates one greenlet per batch. `AsyncConnection` would
    create one for each statement, which is slow for a batch of one message.
    """
    senders = _find_senders(connection, drafts)
    allowed: list[MessageDraft] = []
    claims: dict[MessageId, Claim] = {}
    for draft in drafts:
        if (draft.channel_id, draft.user_id) in senders:
            allowed.append(draft)
            if draft.client_message_id is not None:
                claims[draft.id] = (draft.user_id, draft.client_message_id)
    claimed = claim_ids(connection, allowed, claims) if claims else set()
    new = [draft for draft in allowed if draft.id not in claims or draft.id in claimed]
    stored = _insert(connection, new, senders, now) if new else {}
    repeated = claims.keys() - stored.keys()
    earlier = find_first_sends(connection, {claims[each] for each in repeated}) if repeated else {}

    def outcome_of(draft: MessageDraft) -> AddOutcome:
        if (draft.channel_id, draft.user_id) not in senders:
            return NotAMember()
        if draft.id in stored:
            return StoredMessage(stored[draft.id], is_new=True)
        if claims[draft.id] not in earlier:  # An operator deleted the row; a new id works.
            return ClientMessageIdReused()
        first, message = earlier[claims[draft.id]]
        if not first.is_repeated_by(draft, message):
            return ClientMessageIdReused()
        return MessageDeleted() if message is None else StoredMessage(message, is_new=False)

    return [outcome_of(draft) for draft in drafts]


def _find_senders(
    connection: Connection, drafts: Iterable[MessageDraft]
) -> dict[_Membership, User]:
    memberships = dict.fromkeys((draft.channel_id, draft.user_id) for draft in drafts)
    senders: dict[_Membership, User] = {}
    for channel_id, *fields in connection.execute(_SENDERS, {"memberships": list(memberships)}):
        user = User(*fields)
        senders[channel_id, user.id] = user
    return senders


def _insert(
    connection: Connection,
    drafts: Sequence[MessageDraft],
    senders: Mapping[_Membership, User],
    now: datetime,
) -> dict[MessageId, Message]:
    sequences = take_sequences(connection, Counter(draft.channel_id for draft in drafts))
    stored: dict[MessageId, Message] = {}
    rows: list[dict[str, object]] = []
    sequence_rows: list[dict[str, object]] = []
    for draft in drafts:
        seq = next(sequences[draft.channel_id])
        stored[draft.id] = Message(
            id=draft.id,
            content=draft.content,
            channel_id=draft.channel_id,
            user_id=draft.user_id,
            created_at=now,
            updated_at=now,
            delivery_status=DeliveryState.SENT,
            user=senders[draft.channel_id, draft.user_id],
            seq=seq,
        )
        rows.append(
            {
                "id": draft.id,
                "content": draft.content,
                "channelId": draft.channel_id,
                "userId": draft.user_id,
                "createdAt": now,
                "updatedAt": now,
                "deliveryStatus": DeliveryState.SENT,
            }
        )
        sequence_rows.append({"message_id": draft.id, "channel_id": draft.channel_id, "seq": seq})
    connection.execute(_STORE, rows)
    insert_sequences(connection, sequence_rows)
    connection.execute(_DELIVERIES, {"message_ids": list(stored), "now": now})
    return stored
