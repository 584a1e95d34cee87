"""The payload of ``sendMessage``."""

from pydantic import AliasChoices, Field

from app.gateways.dto.client_payload import CheckedChannelId, CheckedClientMessageId, ClientPayload


class SendMessageDto(ClientPayload):
    """``{content, channelId, clientMessageId?}``; ``tempId`` is an alias of ``clientMessageId``."""

    content: str
    channel_id: CheckedChannelId
    client_message_id: CheckedClientMessageId | None = Field(
        default=None, validation_alias=AliasChoices("clientMessageId", "tempId")
    )
