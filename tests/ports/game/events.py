"""The names of the game's events."""

from enum import Enum


class GameEvent(str, Enum):  # noqa: UP042 - as TypeScript's enums are ported
    """Events of clients and of the server."""

    QUEUE_JOIN = "queue:join"
    QUEUE_LEAVE = "queue:leave"
    READY_CHECK = "match:ready?"
    MATCH_FOUND = "match:found"
    LEADERBOARD = "leaderboard"
    STATE = "state"
    MOVE = "move"
    POINTER = "pointer"
    EMOTE = "emote"
    GAME_OVER = "game:over"


class Emote(str, Enum):  # noqa: UP042
    """The emotes that a player may send."""

    WAVE = "wave"
    LAUGH = "laugh"
