"""Rows of the database in memory: messages, memberships and channels."""

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
    """A message, its position among all messages, and the reports of its recipients."""

    message: Message
    position: int
    recipients: int
    delivered: dict[UserId, datetime] = field(default_factory=dict)
    read: dict[UserId, datetime] = field(default_factory=dict)

    def progress_of(self, recipient_id: UserId) -> tuple[DeliveryState, datetime]:
        """Return the delivery state of one recipient, and the time when it was reached."""
        if recipient_id in self.read:
            return DeliveryState.READ, self.read[recipient_id]
        if recipient_id in self.delivered:
            return DeliveryState.DELIVERED, self.delivered[recipient_id]
        return DeliveryState.SENT, self.message.created_at

    def counts(self) -> dict[DeliveryState, int]:
        """Return the number of recipients by state. States without recipients are omitted."""
        counts = (
            (DeliveryState.SENT, self.recipients - len(self.delivered) - len(self.read)),
            (DeliveryState.DELIVERED, len(self.delivered)),
            (DeliveryState.READ, len(self.read)),
        )
        return {state: count for state, count in counts if count}


@dataclass(slots=True, eq=False)
class MembershipRow:
    """A present or former membership, and the messages that need no more delivery to the user.

    Deliveries have no rows of their own, because each message would need one row per recipient. A
    message is SENT to a member unless its ``seq`` is in ``done``.

    Attributes:
        done: The ``seq`` of each message that needs no more delivery to the user. These are the
            deleted messages, the messages that the user wrote or received, and the messages sent
            while the user was no member.
        left_after: The channel's last ``seq`` when the user left; None for a present member.
        role: The present or last role of the member.
    """

    done: NumberRuns = field(default_factory=NumberRuns)
    left_after: int | None = 0
    role: MemberRole = MemberRole.MEMBER


@dataclass(slots=True, eq=False)
class ChannelRow:
    """A channel: its memberships, its messages in the order of ``seq``, and the last ``seq``."""

    memberships: dict[UserId, MembershipRow] = field(default_factory=dict)
    member_count: int = 0
    messages: list[MessageRow] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    last_seq: int = 0

    def join(self, user_id: UserId) -> None:
        """Make the user a member. Messages sent while the user was no member need no delivery."""
        membership = self.memberships.setdefault(user_id, MembershipRow())
        if membership.left_after is None:
            return
        membership.done.add(membership.left_after + 1, self.last_seq + 1)
        membership.left_after = None
        self.member_count += 1

    def leave(self, user_id: UserId) -> None:
        """End the membership. The user remains a recipient of the earlier messages."""
        self.memberships[user_id].left_after = self.last_seq
        self.member_count -= 1

    def members(self) -> frozenset[UserId]:
        """Return the present members."""
        return frozenset(
            user_id for user_id, row in self.memberships.items() if row.left_after is None
        )

    def mark_done(self, user_id: UserId, seq: int) -> None:
        """Record that the message needs no more delivery to the user."""
        self.memberships[user_id].done.add(seq, seq + 1)

    def delete(self, seq: int) -> None:
        """Delete the message, and record that it needs no more delivery to any user."""
        del self.messages[self._index_of(seq)]
        insort(self.deleted, seq)
        for user_id in self.memberships:
            self.mark_done(user_id, seq)

    def after(self, seq: int, limit: int) -> list[MessageRow]:
        """Return the first ``limit`` messages whose ``seq`` is greater than the given one."""
        start = self._index_of(seq + 1)
        return self.messages[start : start + limit]

    def is_recipient(self, row: MessageRow, user_id: UserId) -> bool:
        """Return whether the user, a present or former member, is a recipient of the message."""
        if user_id in row.delivered or user_id in row.read:
            return True
        membership, seq = self.memberships[user_id], row.message.seq
        was_there = membership.left_after is None or seq <= membership.left_after
        return was_there and seq not in membership.done

    def undelivered_count(self, member_id: UserId) -> int:
        """Return the number of messages that are undelivered for the member."""
        return self.last_seq - len(self.memberships[member_id].done)

    def undelivered(self, member_id: UserId, after_position: int) -> Iterator[MessageRow]:
        """Yield the member's undelivered messages after a position, in order."""
        index = bisect_right(self.messages, after_position, key=position_of)
        if index == len(self.messages):
            return
        first_seq = self.messages[index].message.seq
        for start, stop in self.memberships[member_id].done.gaps(first_seq, self.last_seq + 1):
            # A gap contains no deleted messages, because deleted messages are marked as done.
            index = self._index_of(start)
            for row_index in range(index, index + stop - start):
                yield self.messages[row_index]

    def _index_of(self, seq: int) -> int:
        return seq - 1 - bisect_left(self.deleted, seq)


def position_of(row: MessageRow) -> int:
    """Return the sort key for the order in which messages were stored."""
    return row.position
