"""The payloads of the staff's events and requests."""

from typing import Annotated

from pydantic import BaseModel, Field


class MuteDto(BaseModel):
    """``{name, muted}``."""

    name: Annotated[str, Field(min_length=1)]
    muted: bool = True


class AnnouncementDto(BaseModel):
    """``{text, rooms}``."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    rooms: list[str] = []
