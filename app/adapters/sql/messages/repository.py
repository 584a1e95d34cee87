"""Stores, changes and reads messages."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.sql.dml import ReturningInsert

from app.adapters.sql.connection.database import Database
from app.adapters.sql.frequent_queries import LAST_SEQS
from app.adapters.sql.messages.client_message_ids import find_first_sends
from app.adapters.sql.messages.storing import NotStored, StoreMessages, StoringResult
from app.adapters.sql.queries import belongs, lock_message, read_page, select_messages, to_message
from app.adapters.sql.schema.dialects import UPSERTS, Upsert
from app.adapters.sql.schema.tables import channel_sequences, message_sequences, messages
from app.adapters.sql.skipped_items import Skipped, retry_skipped
from app.domain.errors import (
    ClientMessageIdReused,
    MessageDeleted,
    NotAMember,
    NotTheAuthor,
    Unavailable,
)
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import DeletedMessage, Message, MessageDraft
from app.ports import AddOutcome, MessageRepository, StoredMessage


def _taking(given: Upsert) -> ReturningInsert[*tuple[Any, ...]]:
    return given.on_conflict_do_update(
        index_elements=[channel_sequences.c.channel_id],
        set_={"last_seq": channel_sequences.c.last_seq + given.excluded.last_seq},
    ).returning(channel_sequences.c.channel_id, channel_sequences.c.last_seq)


_TAKE = {dialect: _taking(upsert(channel_sequences)) for dialect, upsert in UPSERTS.items()}
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
    """Insert numbers from `take_sequences`. The database assigns positions in this order."""
    connection.execute(_SEQUENCE, rows)


class SqlMessageRepository(MessageRepository):
    """Stores messages in ``messages``, and their sequence numbers in ``message_sequences``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_all(self, drafts: Sequence[MessageDraft], now: datetime) -> Sequence[AddOutcome]:
        store = partial(self._store, now=now)
        results: Sequence[StoringResult | Unavailable] = await store(drafts)
        if Skipped.SKIPPED in results:
            results = await retry_skipped(drafts, results, store, self._database.lock_seconds)
        repeated = [
            draft
            for draft, result in zip(drafts, results, strict=True)
            if result is NotStored.REPEATED
        ]
        earlier = await self._find_earlier(repeated) if repeated else {}

        def outcome_of(draft: MessageDraft, result: StoringResult | Unavailable) -> AddOutcome:
            if isinstance(result, Message):
                return StoredMessage(result, is_new=True)
            if isinstance(result, Unavailable):
                return result
            return earlier.get(draft.id, NotAMember())

        return list(map(outcome_of, drafts, results))

    async def _store(
        self, drafts: Sequence[MessageDraft], now: datetime
    ) -> Sequence[StoringResult]:
        return await self._database.write(StoreMessages(drafts, now))

    async def _find_earlier(self, drafts: Sequence[MessageDraft]) -> dict[MessageId, AddOutcome]:
        """Return the outcome of each draft whose client message id is taken.

        Returns `Unavailable` as an outcome and does not raise it, because other drafts are stored.
        """
        try:
            async with self._database.asking() as connection:
                found = await find_first_sends(connection, drafts)
        except Unavailable:
            return {draft.id: Unavailable() for draft in drafts}
        outcomes: dict[MessageId, AddOutcome] = {}
        for draft in drafts:
            first, message = found.get((draft.user_id, draft.client_message_id), (None, None))
            # If `first` is None, an operator has deleted its row. The client can send the message
            # again with a new id.
            if first is None or not first.is_repeated_by(draft, message):
                outcomes[draft.id] = ClientMessageIdReused()
            elif message is None:
                outcomes[draft.id] = MessageDeleted()
            else:
                outcomes[draft.id] = StoredMessage(message, is_new=False)
        return outcomes

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
        """Delete the message. Foreign keys delete its sequence and receipts."""
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
        rows = await self._database.fetch(LAST_SEQS, list(channel_ids))
        return dict.fromkeys(channel_ids, 0) | {ChannelId(each): last for each, last in rows}

    async def find(self, message_id: MessageId) -> Message | None:
        """Read a message. A message of the original backend is found only after its adoption."""
        query = select_messages().where(messages.c.id == message_id)
        async with self._database.asking() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else to_message(row)
