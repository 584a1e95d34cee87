"""The payload of ``message:getOffline``."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from app.domain.ids import ChannelId
from app.gateways.dto.client_payload import CheckedChannelId, ClientPayload, Integer

_DEFAULT_LIMIT = 50


class GetOfflineDto(ClientPayload):
    """Requests undelivered messages, or the messages of ``channelId`` after ``afterSeq``."""

    limit: Annotated[Integer, Field(ge=1, le=100)] = _DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=2048)] | None = None
    channel_id: CheckedChannelId | None = None
    after_seq: Annotated[Integer, Field(ge=0, lt=2**53)] | None = None

    @property
    def since(self) -> tuple[ChannelId, int] | None:
        """The channel, and the ``seq`` of its last message that the client has; None if omitted."""
        if self.channel_id is None or self.after_seq is None:
            return None
        return self.channel_id, self.after_seq

    @model_validator(mode="after")
    def _channel_and_seq_go_together(self) -> Self:
        if (self.channel_id is None) != (self.after_seq is None):
            raise ValueError("channelId and afterSeq go together")
        return self
