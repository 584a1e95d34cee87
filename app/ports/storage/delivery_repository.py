"""Stores deliveries: which messages each recipient has received and read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self, TypeAlias, runtime_checkable

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient, Unavailable
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message

MAX_STATUSES = 200
"""The maximum number of recipients on a page."""

MAX_COUNTED_OF_CHANNEL = 1_000
"""The maximum count of undelivered messages for one channel."""

MAX_COUNTED = 10_000
"""The maximum number of messages that one call of `undelivered_counts` reads."""


@dataclass(frozen=True, slots=True)
class Report:
    """A recipient's report that a message is DELIVERED or READ."""

    message_id: MessageId
    recipient_id: UserId
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Advance:
    """The outcome of an accepted report.

    Attributes:
        author_is_member: Whether the author is still a member of the channel. A former member must
            not receive events of the channel.
    """

    status: DeliveryStatus
    author_id: UserId
    author_is_member: bool
    changed: bool


AdvanceOutcome: TypeAlias = Advance | MessageNotFound | NotARecipient | Unavailable
"""The outcome of a report. Errors are returned, because other reports of a call may succeed."""


@dataclass(frozen=True, slots=True)
class RecipientsPage:
    """A page of the recipients of a message.

    Attributes:
        counts: The number of all recipients in each state; states without recipients are omitted.
            None if all recipients are on this page.
    """

    statuses: tuple[DeliveryStatus, ...]
    has_more: bool = False
    counts: Mapping[DeliveryState, int] | None = None


@dataclass(frozen=True, slots=True)
class UndeliveredCounts:
    """The number of messages that were not delivered to a user, as in `OfflineCount`."""

    channels: dict[ChannelId, int]
    more: bool

    @classmethod
    def limited(
        cls, channels: Mapping[ChannelId, int], of_channel: int, *, stopped: bool = False
    ) -> Self:
        """Return the counts, each reduced to ``of_channel`` if it is greater.

        ``stopped`` means that counting stopped early.
        """
        return cls(
            channels={each: min(count, of_channel) for each, count in channels.items()},
            more=stopped or any(count > of_channel for count in channels.values()),
        )


@dataclass(frozen=True, slots=True)
class UndeliveredPage:
    """A page of undelivered messages, in the order in which they were stored.

    Attributes:
        positions: The position of each message. To continue after a message, request the page after
            the message's position.
    """

    messages: tuple[Message, ...]
    positions: tuple[int, ...]


@runtime_checkable
class DeliveryRepository(Protocol):
    """Stores deliveries. The checks and changes of a report run in one transaction.

    Every method raises `Unavailable` if the storage fails. Nothing was changed in this case, unless
    the error is `Unconfirmed`: then a commit was interrupted, and the change may be stored.
    """

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        """Advance each recipient to DELIVERED or READ, and never back.

        Returns one outcome per report, as if the reports were stored one after the other. If the
        recipient has already reached the reported state, nothing changes, and the outcome has the
        current status. The ``delivery_status`` of the message itself advances in the same
        transaction.

        A report is refused with one of these errors:

        - `MessageNotFound`: the message does not exist, or the reporter is not a member of its
          channel.
        - `NotARecipient`: the reporter is the author, or joined the channel after the message was
          sent.

        The outcome is `Unavailable` if another program holds a lock on the message or the reporter
        for too long, or if the message is from the original backend and not adopted yet.
        """
        ...

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """Return the status of the first ``limit`` recipients, sorted by id.

        With ``after``, only recipients whose id sorts after ``after`` are returned. The storage's
        sort order of text applies.

        Raises:
            MessageNotFound: The message does not exist, or the reader is not a member of its
                channel.
        """
        ...

    async def undelivered_counts(self, user_id: UserId) -> UndeliveredCounts:
        """Count the messages that are SENT to the user and not yet DELIVERED, by channel.

        Only the user's current channels are included, and no count exceeds
        `MAX_COUNTED_OF_CHANNEL`. If there are `MAX_COUNTED` messages or more, an implementation may
        omit any of them from the counts.
        """
        ...

    async def undelivered(self, user_id: UserId, after: int, limit: int) -> UndeliveredPage:
        """Return the first ``limit`` undelivered messages with a position above ``after``.

        Positions begin at 1. Only messages in the user's current channels are returned.
        """
        ...
