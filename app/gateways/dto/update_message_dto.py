"""The payload of ``updateMessage``."""

from app.gateways.dto.client_payload import CheckedMessageId, ClientPayload


class UpdateMessageDto(ClientPayload):
    """The payload ``{messageId, content}``."""

    message_id: CheckedMessageId
    content: str
