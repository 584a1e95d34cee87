"""The payload of ``message:getStatus``."""

from typing import Annotated

from pydantic import Field

from app.gateways.dto.client_payload import CheckedMessageId, ClientPayload, Integer
from app.ports import MAX_STATUSES


class GetStatusDto(ClientPayload):
    """``{messageId, limit?, cursor?}`` requests a page of a message's recipients."""

    message_id: CheckedMessageId
    limit: Annotated[Integer, Field(ge=1, le=MAX_STATUSES)] = MAX_STATUSES
    cursor: Annotated[str, Field(max_length=2048)] | None = None
