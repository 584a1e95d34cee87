"""The payload of events about one channel."""

from app.gateways.dto.client_payload import CheckedChannelId, ClientPayload


class ChannelDto(ClientPayload):
    """The payload ``{channelId}``."""

    channel_id: CheckedChannelId
