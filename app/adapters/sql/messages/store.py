"""Storing messages together: the steps of `SqlMessageRepository.add_all`'s transaction.

There are as many statements for a hundred messages as for one. Rows that another node may want too
are locked in one order everywhere: client message ids, then channels, each sorted.

All of it is for ``run_sync``, which makes one greenlet for a batch. `AsyncConnection` would make
one for each statement, and a message that comes alone has to pay for all of them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, insert, literal, select

from app.adapters.sql.messages.sequences import (
    RECIPIENTS,
    deliveries_to,
    insert_places,
    take_numbers,
)
from app.adapters.sql.queries import USER_COLUMNS, select_messages, to_message, to_user
from app.adapters.sql.schema.dialects import UPSERTS, is_among, is_one_of, pair_list
from app.adapters.sql.schema.tables import (
    channel_members,
    channels,
    client_messages,
    message_deliveries,
    messages,
    users,
)
from app.domain.delivery import DeliveryState
from app.domain.errors import ClientMessageIdReused, MessageDeleted, NotAMember
from app.domain.ids import ChannelId, ClientMessageId, MessageId, UserId
from app.domain.message import FirstSend, Message, MessageDraft
from app.domain.user import User
from app.ports import AddOutcome, StoredMessage

_Seat: TypeAlias = tuple[ChannelId, UserId]
_Claim: TypeAlias = tuple[UserId, ClientMessageId]

# Who is found stays a member until the transaction ends, and what the foreign keys refer to stays
# too: a user or channel deleted meanwhile would take the whole batch along. They are locked in the
# order in which a deletion comes by. SQLite has locked the whole database already and ignores it.
_SENDERS = (
    select(channel_members.c.channelId, *USER_COLUMNS)
    .select_from(users)
    .join(channel_members, channel_members.c.userId == users.c.id)
    .join(channels, channels.c.id == channel_members.c.channelId)
    .where(is_among(channel_members.c.channelId, channel_members.c.userId, "seats"))
    .with_for_update(read=True, key_share=True, of=(users, channels, channel_members))
)
_CLAIM = {
    dialect: upsert(client_messages)
    .on_conflict_do_nothing()
    .returning(client_messages.c.message_id)
    for dialect, upsert in UPSERTS.items()
}
_STORE = insert(messages)
_FIRST_SENDS = select(client_messages).where(
    is_among(client_messages.c.user_id, client_messages.c.client_message_id, "claims")
)
_EARLIER = select_messages().where(is_one_of(messages.c.id, "message_ids"))
_DELIVERIES = deliveries_to(
    RECIPIENTS.add_columns(
        literal(DeliveryState.SENT, message_deliveries.c.status.type),
        bindparam("now", type_=message_deliveries.c.updated_at.type),
    )
)


def store_all(
    connection: Connection, drafts: Sequence[MessageDraft], now: datetime
) -> list[AddOutcome]:
    """Store what may be stored and is new; one outcome per draft."""
    senders = _find_senders(connection, drafts)
    admitted = [draft for draft in drafts if _seat_of(draft) in senders]
    claims = {
        draft.id: (draft.user_id, draft.client_message_id)
        for draft in admitted
        if draft.client_message_id is not None
    }
    claimed = _claim(connection, admitted, claims)
    new = [draft for draft in admitted if draft.id not in claims or draft.id in claimed]
    stored = _insert(connection, new, senders, now)
    repeated = {claim for message_id, claim in claims.items() if message_id not in stored}
    first_sends = _find_first_sends(connection, repeated)
    earlier = _find_messages(connection, {each.message_id for each in first_sends.values()})

    def outcome_of(draft: MessageDraft) -> AddOutcome:
        if _seat_of(draft) not in senders:
            return NotAMember()
        if draft.id in stored:
            return StoredMessage(stored[draft.id], is_new=True)
        first = first_sends.get(claims[draft.id])
        if first is None:  # the row was deleted by hand since: a new id can be stored
            return ClientMessageIdReused()
        message = earlier.get(first.message_id)
        if not first.is_repeated_by(draft, message):
            return ClientMessageIdReused()
        return MessageDeleted() if message is None else StoredMessage(message, is_new=False)

    return [outcome_of(draft) for draft in drafts]


def _find_senders(connection: Connection, drafts: Iterable[MessageDraft]) -> dict[_Seat, User]:
    seats = pair_list({_seat_of(draft) for draft in drafts})
    rows = connection.execute(_SENDERS, {"seats": seats}).mappings()
    return {(row["channelId"], row["user_id"]): to_user(row) for row in rows}


def _claim(
    connection: Connection, drafts: Iterable[MessageDraft], claims: Mapping[MessageId, _Claim]
) -> set[MessageId]:
    """Take client message ids, each for the first that has it; return who got theirs.

    They are taken before anything is stored: of two sends at once, on any node, the second waits
    here for the end of the first.
    """
    firsts: dict[_Claim, FirstSend] = {}
    for draft in drafts:
        claim = claims.get(draft.id)
        if claim is not None and claim not in firsts:
            firsts[claim] = FirstSend.of(draft)
    if not firsts:
        return set()
    rows = [
        {
            "user_id": user_id,
            "client_message_id": client_message_id,
            "message_id": firsts[user_id, client_message_id].message_id,
            "digest": firsts[user_id, client_message_id].digest,
        }
        for user_id, client_message_id in sorted(firsts)
    ]
    return set(connection.scalars(_CLAIM[connection.dialect.name], rows))


def _insert(
    connection: Connection,
    drafts: Sequence[MessageDraft],
    senders: Mapping[_Seat, User],
    now: datetime,
) -> dict[MessageId, Message]:
    """Store messages, their places in their channels, and what is to be delivered."""
    if not drafts:
        return {}
    numbers = take_numbers(connection, Counter(draft.channel_id for draft in drafts))
    stored = [
        Message(
            id=draft.id,
            content=draft.content,
            channel_id=draft.channel_id,
            user_id=draft.user_id,
            created_at=now,
            updated_at=now,
            delivery_status=DeliveryState.SENT,
            user=senders[_seat_of(draft)],
            seq=next(numbers[draft.channel_id]),
        )
        for draft in drafts
    ]
    connection.execute(_STORE, [_to_row(message) for message in stored])
    insert_places(connection, ((each.id, each.channel_id, each.seq) for each in stored))
    ids = [message.id for message in stored]
    connection.execute(_DELIVERIES, {"message_ids": ids, "now": now})
    return {message.id: message for message in stored}


def _find_first_sends(
    connection: Connection, claims: Collection[_Claim]
) -> dict[_Claim, FirstSend]:
    """Read what was first sent under client message ids that are taken."""
    if not claims:
        return {}
    rows = connection.execute(_FIRST_SENDS, {"claims": pair_list(claims)})
    return {
        (row.user_id, row.client_message_id): FirstSend(row.message_id, row.digest) for row in rows
    }


def _find_messages(
    connection: Connection, message_ids: Collection[MessageId]
) -> dict[MessageId, Message]:
    """Read these messages as they are now; deleted ones are left out."""
    if not message_ids:
        return {}
    rows = connection.execute(_EARLIER, {"message_ids": message_ids}).mappings()
    return {row["id"]: to_message(row) for row in rows}


def _to_row(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "content": message.content,
        "channelId": message.channel_id,
        "userId": message.user_id,
        "createdAt": message.created_at,
        "updatedAt": message.updated_at,
        "deliveryStatus": message.delivery_status,
    }


def _seat_of(draft: MessageDraft) -> _Seat:
    return draft.channel_id, draft.user_id
