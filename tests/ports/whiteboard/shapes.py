"""The shapes that clients draw, and the answers that they receive."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, Field

Point = tuple[float, float]


class Event(StrEnum):
    """The names of the events that clients or the server send."""

    DRAW = "draw"
    ERASE = "erase"
    LOCK = "lock"
    PICTURE = "picture"
    REPLAY = "replay"
    CURSOR = "cursor"
    SUMMARY = "summary"
    LASER = "laser"


class Line(BaseModel):
    """A line through at least two points."""

    kind: Literal["line"]
    points: list[Point] = Field(min_length=2, max_length=1_000)
    width: Decimal = Field(default=Decimal(1), gt=0, le=50)
    id: UUID = Field(default_factory=uuid4)


class Note(BaseModel):
    """A text on a sheet of paper."""

    kind: Literal["note"]
    at: Point
    text: str = Field(max_length=100)
    id: UUID = Field(default_factory=uuid4)


Shape = Annotated[Line | Note, Field(discriminator="kind")]


@dataclass(frozen=True)
class Summary:
    """A summary of the shapes on a board."""

    shapes: int
    kinds: set[str]
    ink: Decimal
    last_change: datetime | None
