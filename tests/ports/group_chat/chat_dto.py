"""The payloads."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

RoomName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,20}$")]


class LoginDto(BaseModel):
    """A login."""

    name: str
    password: str


class RoomDto(BaseModel):
    """The name of a room."""

    room: RoomName


class SendDto(RoomDto):
    """A message to a room."""

    text: str = Field(min_length=1, max_length=200)
