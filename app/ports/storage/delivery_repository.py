"""The storage of deliveries: which recipient has received and read which message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self, TypeAlias, runtime_checkable

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient, Unconfirmed
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message

MAX_STATUSES = 200
"""How many recipients a page has at most."""

MAX_COUNTED_OF_CHANNEL = 1_000
"""Where counting the undelivered messages of a channel stops."""

MAX_COUNTED = 10_000
"""Where counting the undelivered messages of all channels together stops."""

MAX_PASSED = 2_000
"""How many undelivered messages are examined for one page."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a recipient: the message is DELIVERED or READ."""

    message_id: MessageId
    recipient_id: UserId
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Advance:
    """The outcome of a report that was accepted.

    Attributes:
        author_is_member: Whether the author is still a member of the channel. Others receive
            nothing about its messages.
    """

    status: DeliveryStatus
    author_id: UserId
    author_is_member: bool
    changed: bool


AdvanceOutcome: TypeAlias = Advance | MessageNotFound | NotARecipient
"""The outcome of a report. A refusal is returned, not raised: the other reports are stored."""


class UnconfirmedAdvances(Unconfirmed):
    """The commit of a batch was interrupted. If it is stored, its outcomes are ``outcomes``."""

    def __init__(self, outcomes: Sequence[AdvanceOutcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class RecipientsPage:
    """A page of the recipients of a message.

    Attributes:
        counts: How many of all recipients are in each state; a state without recipients is left
            out. None if all recipients are on this page.
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
        """Limit each count to ``of_channel``; ``stopped`` says that messages were left uncounted."""
        return cls(
            channels={each: min(count, of_channel) for each, count in channels.items()},
            more=stopped or any(count > of_channel for count in channels.values()),
        )


@dataclass(frozen=True, slots=True)
class UndeliveredPage:
    """A page of undelivered messages, in the order of storing.

    Attributes:
        positions: The position of each message. To continue after a message, request the page after
            its position.
        looked_until: The position after which to continue, if the search stopped before the page
            was full; None if the page is full or nothing follows.
    """

    messages: tuple[Message, ...]
    positions: tuple[int, ...]
    looked_until: int | None = None


@runtime_checkable
class DeliveryRepository(Protocol):
    """Stores deliveries. Each method is one transaction, which includes its checks.

    Every method raises `Unavailable` when the storage fails; then nothing was changed. If the error
    is `Unconfirmed`, a commit was interrupted, so the change may be stored.
    """

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        """Advance each recipient to DELIVERED or READ, and never back.

        Returns one outcome per report, as if the reports were stored one after the other. A report
        of a state that the recipient has already reached changes nothing, and returns the current
        status. The ``delivery_status`` of the message itself advances in the same transaction.

        A report is refused with one of these errors:

        - `MessageNotFound`: there is no such message, or the reporter is no member of its channel.
        - `NotARecipient`: the reporter is a member, but the author, or joined after it was sent.

        Raises:
            UnconfirmedAdvances: The commit was interrupted; the reports may be stored.
        """
        ...

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """Return the status of the first ``limit`` recipients, after ``after`` if it is given.

        The recipients are sorted as the storage sorts text.

        Raises:
            MessageNotFound: There is no such message, or the reader is no member of its channel.
        """
        ...

    async def undelivered_counts(
        self,
        user_id: UserId,
        of_channel: int = MAX_COUNTED_OF_CHANNEL,
        in_all: int = MAX_COUNTED,
    ) -> UndeliveredCounts:
        """Count the messages that are SENT to the user and not yet DELIVERED, by channel.

        Only the current channels of the user count, and no count is above ``of_channel``. If there
        are more than ``in_all`` messages, only the newest ones have to be counted.
        """
        ...

    async def undelivered(
        self, user_id: UserId, after: int, limit: int, most_passed: int = MAX_PASSED
    ) -> UndeliveredPage:
        """Return the first ``limit`` undelivered messages with a position above ``after``.

        Positions begin at 1. Only messages in the current channels of the user are returned. The
        search also passes messages of channels that the user has left, and stops after
        ``most_passed`` messages in all.
        """
        ...
