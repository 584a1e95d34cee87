"""Keeps the matches, their turn timers and the leaderboard."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from app.framework import ForwardRef
from app.framework.config import ConfigService
from app.framework.schedule import SchedulerRegistry
from tests.ports.game.match import Match
from tests.ports.game.settings import GameSettings

if TYPE_CHECKING:
    from tests.ports.game.match_gateway import MatchGateway


class MatchesService:
    """Creates matches, ends them, and counts victories.

    The match gateway and this service use each other.
    """

    def __init__(
        self,
        gateway: "ForwardRef[MatchGateway]",
        registry: SchedulerRegistry,
        config: ConfigService[GameSettings],
    ) -> None:
        self._gateway = gateway
        self._registry = registry
        self._turn_ms = config.get("turn_ms", int)
        self._matches: dict[str, Match] = {}
        self._ids = count(1)
        self.victories: Counter[str] = Counter()

    def create(self, one: str, other: str) -> Match:
        match = Match(str(next(self._ids)), (one, other))
        self._matches[match.id] = match
        self._restart_timer(match)
        return match

    def find(self, match_id: str) -> Match | None:
        return self._matches.get(match_id)

    def move(self, match: Match, player: str, cell: int) -> None:
        match.move(player, cell)
        if match.winner is None:
            self._restart_timer(match)
        else:
            self.end(match, match.winner, "line")

    def end(self, match: Match, winner: str, reason: str) -> None:
        """End a match, and publish the result. Does nothing if the match has already ended."""
        if self._matches.pop(match.id, None) is None:
            return
        self._delete_timer(match)
        match.winner = winner
        self.victories[winner] += 1
        self._gateway().announce_end(match, reason)

    def _restart_timer(self, match: Match) -> None:
        self._delete_timer(match)
        self._registry.add_timeout(f"turn:{match.id}", self._turn_ms, self._expire(match))

    def _expire(self, match: Match) -> Callable[[], None]:
        return lambda: self.end(match, match.opponent_of(match.current), "timeout")

    def _delete_timer(self, match: Match) -> None:
        if f"turn:{match.id}" in self._registry.get_timeouts():
            self._registry.delete_timeout(f"turn:{match.id}")
