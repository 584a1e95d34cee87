"""The documented ``SocketResponse<T>``: the content of an ack."""

from collections.abc import Mapping
from typing import Generic, NotRequired, TypedDict, TypeVar

from app.domain.delivery import DeliveryState, DeliveryStatus, RefusedReceipt
from app.domain.presence import MemberPresence

T = TypeVar("T")


class SocketResponse(TypedDict, Generic[T]):
    """The answer of a successful handler: ``{"data": T}``.

    If a service or guard raises an error, the exception filter creates the answer instead:
    ``{"error": ..., "code": ..., "temporary": ...}``.
    """

    data: T


class PagedResponse(SocketResponse[T]):
    """``{"data": T}``, with ``nextCursor`` and ``counts`` if there is more than one page.

    ``nextCursor`` requests the next page; it is None on the last page. ``counts`` contains the
    totals of all pages.
    """

    nextCursor: NotRequired[str | None]
    counts: NotRequired[Mapping[DeliveryState, int]]


class PresenceCounts(TypedDict):
    """The numbers of a channel's members, and of its online members."""

    members: int
    online: int


class PresenceResponse(SocketResponse[tuple[MemberPresence, ...]]):
    """The answer to ``presence:get``.

    ``counts`` contains the numbers of all members. It is present only if ``data`` does not list
    all of them.
    """

    counts: NotRequired[PresenceCounts]


class ReceiptsResponse(SocketResponse[tuple[DeliveryStatus, ...]]):
    """The answer to a list of receipts: the new statuses, and any refused receipts."""

    refused: NotRequired[tuple[RefusedReceipt, ...]]
