"""The presence of a member of a team."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class State(StrEnum):
    """The states of a member."""

    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


class Presence(BaseModel):
    """Sent to clients; fields that were not set are left out."""

    team: str
    user: str
    state: State
    text: str | None = None
    last_seen: datetime | None = None


PRESENCE_CHANGED = "presence.changed"
