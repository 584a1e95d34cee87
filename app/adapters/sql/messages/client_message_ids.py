"""Finds the first message with a client message id, so that a repeated send is not stored again."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.sql.queries import select_messages, to_message
from app.adapters.sql.schema.dialects import is_among, is_one_of
from app.adapters.sql.schema.tables import client_messages, messages
from app.domain.ids import ClientMessageId, UserId
from app.domain.message import FirstSend, Message, MessageDraft

Claim: TypeAlias = tuple[UserId, ClientMessageId | None]

_FIRST_SENDS = select(client_messages).where(
    is_among(client_messages.c.user_id, client_messages.c.client_message_id, "claims")
)
_EARLIER = select_messages().where(is_one_of(messages.c.id, "message_ids"))


async def find_first_sends(
    connection: AsyncConnection, drafts: Sequence[MessageDraft]
) -> Mapping[Claim, tuple[FirstSend, Message | None]]:
    """Return the first send with the client message id of each draft, and the stored message.

    The message is None if it was deleted. Ids without a recorded first send are omitted.
    """
    claims = {(draft.user_id, draft.client_message_id) for draft in drafts}
    rows = (await connection.execute(_FIRST_SENDS, {"claims": list(claims)})).all()
    ids = {row.message_id for row in rows}
    found = (await connection.execute(_EARLIER, {"message_ids": ids})).mappings() if ids else ()
    earlier = {row["id"]: to_message(row) for row in found}
    return {
        (row.user_id, row.client_message_id): (
            FirstSend(row.message_id, row.digest),
            earlier.get(row.message_id),
        )
        for row in rows
    }
