"""The payload of events about one message."""

from app.gateways.dto.client_payload import AnyMessageId, ClientPayload


class MessageDto(ClientPayload):
    """``{messageId}``."""

    message_id: AnyMessageId
