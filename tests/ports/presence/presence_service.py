"""Decides who is online, away or offline."""

from app.framework.event_emitter import EventEmitter2
from app.framework.schedule import Clock, SchedulerRegistry
from tests.ports.presence.last_seen_store import LastSeenStore
from tests.ports.presence.presence import PRESENCE_CHANGED, Presence, State

IDLE_MS = 5 * 60_000
GRACE_MS = 10_000
"""The time from the last disconnection until the member is offline. Reloading a page takes less."""


class PresenceService:
    """Emits an event whenever the presence of a member changes."""

    def __init__(
        self,
        emitter: EventEmitter2,
        registry: SchedulerRegistry,
        store: LastSeenStore,
        clock: Clock,
    ) -> None:
        self._emitter = emitter
        self._registry = registry
        self._store = store
        self._clock = clock
        self._present: dict[tuple[str, str], Presence] = {}

    def members(self, team: str) -> list[Presence]:
        return [each for each in self._present.values() if each.team == team]

    def arrive(self, team: str, user: str) -> None:
        self._cancel("offline", team, user)
        self.be_active(team, user)

    def leave(self, team: str, user: str) -> None:
        """Call this when the last device of a member has disconnected."""
        self._cancel("away", team, user)
        self._after(GRACE_MS, "offline", team, user)

    def be_active(self, team: str, user: str) -> None:
        self._cancel("away", team, user)
        self._after(IDLE_MS, "away", team, user)
        self._change(team, user, State.ONLINE)

    def set_text(self, team: str, user: str, text: str) -> Presence:
        presence = self._present[team, user].model_copy(update={"text": text})
        self._present[team, user] = presence
        self._emitter.emit(PRESENCE_CHANGED, presence)
        return presence

    async def on_application_shutdown(self) -> None:
        for presence in self._present.values():
            await self._store.save(presence.user, self._clock.now())

    def _change(self, team: str, user: str, state: State) -> None:
        before = self._present.get((team, user))
        if before is not None and before.state is state:
            return
        after = Presence(team=team, user=user, state=state)
        if state is State.OFFLINE:
            after.last_seen = self._clock.now()
        self._present[team, user] = after
        self._emitter.emit(PRESENCE_CHANGED, after)

    async def _go_offline(self, team: str, user: str) -> None:
        self._change(team, user, State.OFFLINE)
        del self._present[team, user]
        await self._store.save(user, self._clock.now())

    def _after(self, milliseconds: float, what: str, team: str, user: str) -> None:
        async def run() -> None:
            if what == "away":
                self._change(team, user, State.AWAY)
            else:
                await self._go_offline(team, user)

        self._registry.add_timeout(f"{what}:{team}:{user}", milliseconds, run)

    def _cancel(self, what: str, team: str, user: str) -> None:
        name = f"{what}:{team}:{user}"
        if name in self._registry.get_timeouts():
            self._registry.delete_timeout(name)
