"""The payload of events about one message."""

from app.gateways.dto.client_payload import CheckedMessageId, ClientPayload


class MessageDto(ClientPayload):
    """``{messageId}``."""

    message_id: CheckedMessageId
