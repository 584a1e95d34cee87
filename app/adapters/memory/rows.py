"""What the in-memory database holds of a channel: its messages, its members, and between them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from app.adapters.memory.number_runs import NumberRuns
from app.domain.channel import MemberRole
from app.domain.delivery import DeliveryState
from app.domain.ids import UserId
from app.domain.message import Message


@dataclass(slots=True, eq=False)
class MessageRow:
    """A message, its place among all messages, and which of its recipients have reported what."""

    message: Message
    position: int
    recipients: int
    delivered: dict[UserId, datetime] = field(default_factory=dict)
    read: dict[UserId, datetime] = field(default_factory=dict)

    def progress_of(self, recipient_id: UserId) -> tuple[DeliveryState, datetime]:
        """How far the message has come with one of its recipients, and since when."""
        if recipient_id in self.read:
            return DeliveryState.READ, self.read[recipient_id]
        if recipient_id in self.delivered:
            return DeliveryState.DELIVERED, self.delivered[recipient_id]
        return DeliveryState.SENT, self.message.created_at

    def counts(self) -> dict[DeliveryState, int]:
        """How many recipients are in each state; none has zero."""
        counts = (
            (DeliveryState.SENT, self.recipients - len(self.delivered) - len(self.read)),
            (DeliveryState.DELIVERED, len(self.delivered)),
            (DeliveryState.READ, len(self.read)),
        )
        return {state: count for state, count in counts if count}


@dataclass(slots=True, eq=False)
class Seat:
    """What a channel's messages are to one who is or was its member.

    A delivery is no row: sending a message would cost one for each recipient. A message is SENT to
    a member unless it is ``settled``, by its number.

    Attributes:
        settled: What does not wait for the member: their own, what they have reported, what was
            deleted, what was sent while they were away.
        left_after: The channel's last number when they left; None while they are a member.
        role: As what they belong to the channel, or did last.
    """

    settled: NumberRuns = field(default_factory=NumberRuns)
    left_after: int | None = 0
    role: MemberRole = MemberRole.MEMBER


@dataclass(slots=True, eq=False)
class ChannelRow:
    """A channel's members, its messages by ``seq``, and the last number given."""

    seats: dict[UserId, Seat] = field(default_factory=dict)
    member_count: int = 0
    messages: list[MessageRow] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    last_seq: int = 0

    def join(self, user_id: UserId) -> None:
        """The user is a member from now on; a newcomer has been away from the start."""
        seat = self.seats.setdefault(user_id, Seat())
        if seat.left_after is None:
            return
        seat.settled.add(seat.left_after + 1, self.last_seq + 1)
        seat.left_after = None
        self.member_count += 1

    def leave(self, user_id: UserId) -> None:
        """The member is one no more, and a recipient still of what was sent until now."""
        self.seats[user_id].left_after = self.last_seq
        self.member_count -= 1

    def members(self) -> frozenset[UserId]:
        """Who is a member now."""
        return frozenset(each for each, seat in self.seats.items() if seat.left_after is None)

    def settle(self, user_id: UserId, seq: int) -> None:
        """The message does not wait for the user."""
        self.seats[user_id].settled.add(seq, seq + 1)

    def delete(self, seq: int) -> None:
        """Remove the message; it waits for nobody."""
        del self.messages[self._index_of(seq)]
        insort(self.deleted, seq)
        for user_id in self.seats:
            self.settle(user_id, seq)

    def after(self, seq: int, limit: int) -> list[MessageRow]:
        """The first ``limit`` messages with a higher number."""
        start = self._index_of(seq + 1)
        return self.messages[start : start + limit]

    def is_recipient(self, row: MessageRow, user_id: UserId) -> bool:
        """Whether the message was sent to the user, who has or had a seat."""
        if user_id in row.delivered or user_id in row.read:
            return True
        seat, seq = self.seats[user_id], row.message.seq
        was_there = seat.left_after is None or seq <= seat.left_after
        return was_there and seq not in seat.settled

    def waiting_count(self, member_id: UserId) -> int:
        """How many messages are SENT to the member and no further."""
        return self.last_seq - len(self.seats[member_id].settled)

    def waiting(self, member_id: UserId, after_position: int) -> Iterator[MessageRow]:
        """Those whose position is above ``after_position``, in their order."""
        index = bisect_right(self.messages, after_position, key=position_of)
        if index == len(self.messages):
            return
        first_seq = self.messages[index].message.seq
        for start, stop in self.seats[member_id].settled.gaps(first_seq, self.last_seq + 1):
            # No number in a gap is of a deleted message.
            index = self._index_of(start)
            for row_index in range(index, index + stop - start):
                yield self.messages[row_index]

    def _index_of(self, seq: int) -> int:
        """Where the first message with this number or a higher one is, or would be."""
        return seq - 1 - bisect_left(self.deleted, seq)


def position_of(row: MessageRow) -> int:
    """The key by which messages are in the order of storing."""
    return row.position
