"""The cases of the comparison in ``sending_messages.py``, and the members of their channels."""

from dataclasses import dataclass

from bench.credentials import user_id

CONNECTED = 10
"""The number of connected members per channel, except in a case with ``are_reported``."""


@dataclass(frozen=True, slots=True)
class Case:
    """A number of users who are connected and send messages, which the server stores.

    The channels are named after the case, and numbered from 1 to ``rooms``: ``senders16-1``. The
    connected members are divided among the channels.

    Attributes:
        connected: The number of connected members, in all channels together.
        senders: The number of connected members who send.
        members: The number of members of each channel, connected or not.
        are_reported: Whether the recipients report the delivery of each message.
    """

    name: str
    title: str
    connected: int = CONNECTED
    senders: int = 1
    members: int = CONNECTED
    are_reported: bool = False

    @property
    def rooms(self) -> int:
        """Return the number of channels."""
        return 1 if self.are_reported else self.connected // CONNECTED

    @property
    def units_per_message(self) -> int:
        """Return how many units the generator counts per message: one ack, or all reports."""
        return self.connected - 1 if self.are_reported else 1

    def arguments(self, warm_up_seconds: float) -> tuple[str, ...]:
        """Return the arguments of the load generator."""
        return (
            *("--mode", "send", "--conns", str(self.connected), "--senders", str(self.senders)),
            *("--rooms", str(self.rooms), "--channels", f"{self.name}-"),
            *("--warmup", str(warm_up_seconds), *(("--report",) if self.are_reported else ())),
        )


CASES = {
    each.name: each
    for each in (
        Case("senders1", "1 sender, 10 members"),
        Case("senders16", "16 senders", connected=20, senders=16),
        Case("senders256", "256 senders", connected=260, senders=256),
        Case("members100", "100 members", members=100),
        Case("members1000", "1,000 members", members=1_000),
        Case("members10000", "10,000 members", members=10_000),
        Case(
            "reporting1000",
            "1,000 connected, all report delivery",
            connected=1_000,
            members=1_000,
            are_reported=True,
        ),
    )
}


def membership() -> dict[str, list[str]]:
    """Return the channels of each user, for all cases."""
    found: dict[str, list[str]] = {}
    for case in CASES.values():
        for user in range(max(case.connected, case.members)):
            # The generator also puts connection i into the room i modulo the number of rooms.
            room = user % case.rooms + 1
            found.setdefault(user_id(user), []).append(f"{case.name}-{room}")
    return found
