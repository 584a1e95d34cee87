"""The payload of ``message:delivered`` and ``message:seen``."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from app.domain.delivery import MAX_RECEIPTS
from app.domain.ids import MessageId
from app.gateways.dto.client_payload import CheckedMessageId, ClientPayload


class ReceiptDto(ClientPayload):
    """The payload ``{messageId}`` or ``{messageIds}``."""

    # Declare `message_ids` first, because the validator of `message_id` reads it.
    message_ids: (
        Annotated[list[CheckedMessageId], Field(min_length=1, max_length=MAX_RECEIPTS)] | None
    ) = None
    message_id: CheckedMessageId | None = None

    @property
    def listed(self) -> tuple[MessageId, ...]:
        """The ids of ``messageIds`` without duplicates, in order; empty if no list was sent."""
        return tuple(dict.fromkeys(self.message_ids or ()))

    @model_validator(mode="before")
    @classmethod
    def _expect_one_without_a_list(cls, data: object) -> object:
        # Set ``messageId`` explicitly: in an error about a default value, pydantic would use the
        # field's Python name.
        if isinstance(data, dict) and data.get("messageIds") is None:
            return {"messageId": None, **data}
        return data

    @field_validator("message_id", mode="after")
    @classmethod
    def _one_or_a_list(cls, value: MessageId | None, info: ValidationInfo) -> MessageId | None:
        if "message_ids" not in info.data:  # ``messageIds`` is invalid
            return value
        if (value is None) == (info.data["message_ids"] is None):
            raise ValueError("send either messageId or messageIds")
        return value
