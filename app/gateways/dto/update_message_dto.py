"""The payload of ``updateMessage``."""

from app.gateways.dto.client_payload import AnyMessageId, ClientPayload


class UpdateMessageDto(ClientPayload):
    """``{messageId, content}``."""

    message_id: AnyMessageId
    content: str
