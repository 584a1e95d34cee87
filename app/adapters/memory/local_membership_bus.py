"""The `MembershipBus` of a single node."""

from collections.abc import Callable

from app.domain.channel import MembershipUpdate
from app.ports import MembershipBus


class LocalMembershipBus(MembershipBus):
    """Publishes to this node only. Other nodes receive a change only by reloading the members."""

    def __init__(self) -> None:
        self._on_changed: Callable[[MembershipUpdate], None] = _ignore

    def listen(self, on_changed: Callable[[MembershipUpdate], None]) -> None:
        self._on_changed = on_changed

    async def publish(self, update: MembershipUpdate) -> None:
        self._on_changed(update)


def _ignore(_: MembershipUpdate) -> None:
    pass
