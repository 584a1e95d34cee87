"""The payload of ``sendMessage``."""

from pydantic import AliasChoices, Field

from app.gateways.dto.client_payload import AnyChannelId, AnyClientMessageId, ClientPayload


class SendMessageDto(ClientPayload):
    """``{content, channelId, clientMessageId?}``; ``tempId`` is an alias of ``clientMessageId``."""

    content: str
    channel_id: AnyChannelId
    client_message_id: AnyClientMessageId | None = Field(
        default=None, validation_alias=AliasChoices("clientMessageId", "tempId")
    )
