"""The presence of members, for pages that open no socket."""

from typing import Annotated

from app.framework import NotFoundException, Param, controller, get
from tests.ports.presence.presence import State
from tests.ports.presence.presence_service import PresenceService


@controller("teams")
class PresenceController:
    """Returns the state of each member of a team who is online or away."""

    def __init__(self, presence: PresenceService) -> None:
        self._presence = presence

    @get("{team}/presence")
    async def show(self, team: Annotated[str, Param("team")]) -> dict[str, State]:
        members = self._presence.members(team)
        if not members:
            raise NotFoundException(f"Nobody of {team} is here.")
        return {each.user: each.state for each in members}
