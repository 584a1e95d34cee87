"""The payload of ``updateMessage``."""

from app.gateways.dto.client_payload import AnyMessageId, ClientPayload, Content


class UpdateMessageDto(ClientPayload):
    """``{messageId, content}``."""

    message_id: AnyMessageId
    content: Content
