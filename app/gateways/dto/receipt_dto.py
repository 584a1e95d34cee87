"""The payload of ``message:delivered`` and ``message:seen``."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from app.domain.delivery import MAX_RECEIPTS
from app.domain.ids import MessageId
from app.gateways.dto.client_payload import AnyMessageId, ClientPayload


class ReceiptDto(ClientPayload):
    """``{messageId}`` or ``{messageIds}``."""

    message_id: AnyMessageId | None = None
    message_ids: (
        Annotated[list[AnyMessageId], Field(min_length=1, max_length=MAX_RECEIPTS)] | None
    ) = None

    @property
    def listed(self) -> tuple[MessageId, ...]:
        """The ids of the list, each once, in their order; none when there is no list."""
        return tuple(dict.fromkeys(self.message_ids or ()))

    @model_validator(mode="after")
    def _names_either(self) -> Self:
        if (self.message_id is None) == (self.message_ids is None):
            raise ValueError("send either messageId or messageIds")
        return self
