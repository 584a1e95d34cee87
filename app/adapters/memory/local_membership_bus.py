"""A membership bus for a single node."""

from collections.abc import Callable

from app.domain.channel import MembershipNews
from app.ports import MembershipBus


class LocalMembershipBus(MembershipBus):
    """Notifies only this node. Other nodes that share the database read the members there."""

    def __init__(self) -> None:
        self._on_changed: Callable[[MembershipNews], None] = _ignore

    def listen(self, on_changed: Callable[[MembershipNews], None]) -> None:
        """Call ``on_changed`` for every change that this node publishes."""
        self._on_changed = on_changed

    async def publish(self, news: MembershipNews) -> None:
        """Call the listener at once."""
        self._on_changed(news)


def _ignore(_: MembershipNews) -> None:
    """Do nothing, until there is a listener."""
