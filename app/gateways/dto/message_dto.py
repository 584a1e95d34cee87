"""The payload of events about one message."""

from app.gateways.dto.client_payload import CheckedMessageId, ClientPayload


class MessageDto(ClientPayload):
    """The payload ``{messageId}``."""

    message_id: CheckedMessageId
