"""The payloads."""

from enum import StrEnum

from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel


class GameMode(StrEnum):
    """How the players form teams."""

    SOLO = "solo"
    DUO = "duo"


class CreateLobbyDto(BaseModel):
    """A lobby that a player wants to open."""

    title: str = Field(min_length=3, max_length=30)
    mode: GameMode = GameMode.SOLO
    max_players: int | None = Field(default=None, ge=2, alias="maxPlayers")


class LobbyDto(BaseModel):
    """A lobby as the clients see it."""

    model_config = {"alias_generator": to_camel, "populate_by_name": True}

    id: str
    title: str
    mode: GameMode
    host: str
    players: list[str]
    max_players: int
    starting: bool = False
