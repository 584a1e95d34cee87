"""Who has received and read which message: each method is one transaction, checks included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self, TypeAlias, runtime_checkable

from app.domain.delivery import DeliveryState, DeliveryStatus
from app.domain.errors import MessageNotFound, NotARecipient, Unconfirmed
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message

MAX_STATUSES = 200
"""How many recipients of a message are on one page."""

MAX_COUNTED_OF_CHANNEL = 1_000
MAX_COUNTED = 10_000
"""Where counting undelivered messages stops: for each channel, and for all of them together."""

MAX_PASSED = 2_000
"""How many undelivered messages are looked at for one page of them."""


@dataclass(frozen=True, slots=True)
class Report:
    """A recipient says that a message has come as far as ``state``: DELIVERED or READ."""

    message_id: MessageId
    recipient_id: UserId
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Advance:
    """A recipient's progress after a report, whose message it is, and whether this changed it.

    Attributes:
        status: Where the recipient stands now.
        author_id: Whose message it is.
        author_is_member: Whether the author belongs to its channel still; who does not has nothing
            more to hear of it.
        changed: Whether this report moved the recipient forward.
    """

    status: DeliveryStatus
    author_id: UserId
    author_is_member: bool
    changed: bool


AdvanceOutcome: TypeAlias = Advance | MessageNotFound | NotARecipient
"""What became of a report; a refusal is a value here, since its neighbours count."""


class UnconfirmedAdvances(Unconfirmed):
    """The commit of a batch was under way: its outcomes are these, if it is stored."""

    def __init__(self, outcomes: Sequence[AdvanceOutcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class RecipientsPage:
    """The progress of some recipients of a message, or of all.

    Attributes:
        statuses: One per recipient of this page.
        has_more: Whether further recipients follow.
        counts: How many of all recipients are in each state that one is in; None when all are on
            this page.
    """

    statuses: tuple[DeliveryStatus, ...]
    has_more: bool = False
    counts: Mapping[DeliveryState, int] | None = None


@dataclass(frozen=True, slots=True)
class UndeliveredCounts:
    """How many messages wait for a user.

    Attributes:
        channels: By channel; none has zero.
        more: Whether counting stopped before the end, so that there may be more.
    """

    channels: dict[ChannelId, int]
    more: bool

    @classmethod
    def limited(
        cls, channels: Mapping[ChannelId, int], of_channel: int, *, stopped: bool = False
    ) -> Self:
        """Counts of which none is above ``of_channel``.

        Args:
            channels: By channel, as counted.
            of_channel: What is above this is cut.
            stopped: Whether not all messages were counted.
        """
        return cls(
            channels={each: min(count, of_channel) for each, count in channels.items()},
            more=stopped or any(count > of_channel for count in channels.values()),
        )


@dataclass(frozen=True, slots=True)
class UndeliveredPage:
    """Undelivered messages in the order they were stored.

    Attributes:
        messages: As many as were asked for, or fewer.
        positions: One per message, increasing: ask after the last one used to go on.
        looked_until: Where to go on after all of these messages, when the search ended before the
            page was full; None when it was full or nothing follows.
    """

    messages: tuple[Message, ...]
    positions: tuple[int, ...]
    looked_until: int | None = None


@runtime_checkable
class DeliveryRepository(Protocol):
    """Every method raises `Unavailable` when the storage fails; then nothing has happened.

    Only when it is `Unconfirmed` is that not known: a commit was under way.
    """

    async def advance_all(
        self, reports: Sequence[Report], now: datetime
    ) -> Sequence[AdvanceOutcome]:
        """Move recipients forward together, each to DELIVERED or READ; never back.

        One outcome per report, as if they came one after the other in their order. A report of what
        is already reached changes nothing and gives the standing status. A message's own
        ``delivery_status`` follows in the same transaction, and only forward.

        Unconfirmed, it raises `UnconfirmedAdvances`.

        A refusal is `MessageNotFound`, when it is missing or the reporter is not a member of its
        channel, or `NotARecipient`: a member, but the author, or one who joined after it was sent.
        """
        ...

    async def statuses(
        self,
        message_id: MessageId,
        reader_id: UserId,
        limit: int = MAX_STATUSES,
        after: UserId | None = None,
    ) -> RecipientsPage:
        """The progress of the first ``limit`` recipients, or of the first after ``after``.

        Sorted by recipient, as the storage sorts text. ``counts`` is None when all recipients are
        on this page.

        Raises:
            MessageNotFound: Missing, or the reader is not a member of its channel.
        """
        ...

    async def undelivered_counts(
        self,
        user_id: UserId,
        of_channel: int = MAX_COUNTED_OF_CHANNEL,
        in_all: int = MAX_COUNTED,
    ) -> UndeliveredCounts:
        """How many messages are SENT and no further to the user, by channel.

        Only channels the user belongs to now. No count is above ``of_channel``. When more than
        ``in_all`` messages wait, those stored last are counted, and the older ones need not be.
        """
        ...

    async def undelivered(
        self, user_id: UserId, after: int, limit: int, most_passed: int = MAX_PASSED
    ) -> UndeliveredPage:
        """The first ``limit`` of them whose position is above ``after`` (0: from the start).

        Only of channels the user belongs to now. Messages of other channels, which the user has
        left, may be in between: the search ends after ``most_passed`` messages in all.
        """
        ...
