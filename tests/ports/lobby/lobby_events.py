"""The names of the events."""

from enum import Enum


class ClientEvent(str, Enum):  # noqa: UP042 - as many ports have it
    """Events that players send."""

    CREATE = "lobby.create"
    JOIN = "lobby.join"
    LEAVE = "lobby.leave"
    KICK = "lobby.kick"
    START = "lobby.start"


class ServerEvent(str, Enum):  # noqa: UP042 - as many ports have it
    """Events that the server sends."""

    LOBBIES = "lobbies"
    STATE = "lobby.state"
    READY_CHECK = "lobby.readyCheck"
    COUNTDOWN = "lobby.countdown"
    STARTED = "lobby.started"
    KICKED = "lobby.kicked"
