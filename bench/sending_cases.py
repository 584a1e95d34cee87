"""The cases in which stored messages are compared, and the members that their channels need."""

from dataclasses import dataclass

from bench.credentials import user_id

CONNECTED = 10
"""The connected members of each channel, unless all of them are connected."""


@dataclass(frozen=True, slots=True)
class Case:
    """People who send messages that are stored.

    The case's channels are its name followed by 1 to ``rooms``, with the connected members divided
    among them.

    Attributes:
        connected: The connected members of all channels together.
        senders: The connected members who send.
        members: The members of each channel, connected or not.
        are_reported: Whether each member reports the delivery of each message.
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
        """Return the number of the generator's units, acks or reports, in a message."""
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
            # As in the generator: connection i is in room i modulo the number of rooms.
            room = user % case.rooms + 1
            found.setdefault(user_id(user), []).append(f"{case.name}-{room}")
    return found
