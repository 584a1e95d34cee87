"""Claims client message ids, so that a message that is sent again is stored once."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from sqlalchemy import Connection, select

from app.adapters.sql.queries import select_messages, to_message
from app.adapters.sql.schema.dialects import UPSERTS, is_among, is_one_of
from app.adapters.sql.schema.tables import client_messages, messages
from app.domain.ids import ClientMessageId, MessageId, UserId
from app.domain.message import FirstSend, Message, MessageDraft

Claim: TypeAlias = tuple[UserId, ClientMessageId]

_CLAIM = {
    dialect: upsert(client_messages)
    .on_conflict_do_nothing()
    .returning(client_messages.c.message_id)
    for dialect, upsert in UPSERTS.items()
}
_FIRST_SENDS = select(client_messages).where(
    is_among(client_messages.c.user_id, client_messages.c.client_message_id, "claims")
)
_EARLIER = select_messages().where(is_one_of(messages.c.id, "message_ids"))


def claim_ids(
    connection: Connection, drafts: Iterable[MessageDraft], claims: Mapping[MessageId, Claim]
) -> set[MessageId]:
    """Claim each client message id for its first draft; return the drafts whose claim succeeded.

    Claims are inserted before messages: if two nodes store the same id concurrently, the second
    waits here until the first has committed.
    """
    firsts: dict[Claim, FirstSend] = {}
    for draft in drafts:
        claim = claims.get(draft.id)
        if claim is not None and claim not in firsts:
            firsts[claim] = FirstSend.of(draft)
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


def find_first_sends(
    connection: Connection, claims: Collection[Claim]
) -> dict[Claim, tuple[FirstSend, Message | None]]:
    """Return what was first sent under each id, and its message unless that was deleted."""
    rows = connection.execute(_FIRST_SENDS, {"claims": list(claims)}).all()
    ids = {row.message_id for row in rows}
    found = connection.execute(_EARLIER, {"message_ids": ids}).mappings() if ids else ()
    earlier = {row["id"]: to_message(row) for row in found}
    return {
        (row.user_id, row.client_message_id): (
            FirstSend(row.message_id, row.digest),
            earlier.get(row.message_id),
        )
        for row in rows
    }
