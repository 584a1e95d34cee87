"""A membership channel where there is nobody else to tell."""

from collections.abc import Callable

from app.domain.channel import MembershipNews
from app.ports import MembershipBus


class LocalMembershipBus(MembershipBus):
    """For one node, or for nodes that share a database alone: they read the members."""

    def __init__(self) -> None:
        self._on_changed: Callable[[MembershipNews], None] = _ignore

    def listen(self, on_changed: Callable[[MembershipNews], None]) -> None:
        """Have every change told that this node publishes."""
        self._on_changed = on_changed

    async def publish(self, news: MembershipNews) -> None:
        """Tell the listener, at once."""
        self._on_changed(news)


def _ignore(_: MembershipNews) -> None:
    """Nobody listens yet."""
