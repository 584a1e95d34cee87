"""The names of events on the wire, with the dots and colons of the documented protocol."""

from enum import StrEnum


class ClientEvent(StrEnum):
    """The events that clients send."""

    SEND_MESSAGE = "sendMessage"
    UPDATE_MESSAGE = "updateMessage"
    DELETE_MESSAGE = "deleteMessage"
    MESSAGE_DELIVERED = "message:delivered"
    MESSAGE_SEEN = "message:seen"
    MESSAGE_GET_STATUS = "message:getStatus"
    TYPING = "typing"
    TYPING_STOP = "typing:stop"
    TYPING_GET = "typing:get"
    PRESENCE_GET = "presence:get"
    MESSAGE_GET_OFFLINE_COUNT = "message:getOfflineCount"
    MESSAGE_GET_OFFLINE = "message:getOffline"
    AUTH_REFRESH = "auth:refresh"


class ServerEvent(StrEnum):
    """The events that the server sends."""

    MESSAGE_CREATED = "message.created"
    MESSAGE_UPDATED = "message.updated"
    MESSAGE_DELETED = "message.deleted"
    MESSAGE_FAILED = "message:failed"
    MESSAGE_DELIVERED = "message:delivered"
    MESSAGE_SEEN = "message:seen"
    TYPING = "typing"
    PRESENCE = "presence"
    CHANNEL_CREATED = "channel.created"
    CHANNEL_DELETED = "channel.deleted"
    ROOM_MEMBER_JOINED = "room:member:joined"
    ROOM_MEMBER_LEFT = "room:member:left"
    AUTH_EXPIRING = "auth:expiring"
    SERVER_DRAINING = "server:draining"
    SYNC_REQUIRED = "sync:required"
    ERROR = "error"


SECRET_EVENTS = frozenset({ClientEvent.AUTH_REFRESH})
"""Events whose payload is secret: the ``cause`` of an error never contains the payload."""
