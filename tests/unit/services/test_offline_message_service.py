import asyncio
from collections import Counter

import pytest

from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.store import MemoryStore
from app.domain.delivery import DeliveryState
from app.domain.errors import InvalidPayload, NotAMember
from app.domain.ids import ChannelId, MessageId, UserId
from app.domain.message import Message, MessageDraft, MessagePage, OfflineCount
from app.framework.platform_socketio import json_codec
from app.ports import MAX_COUNTED_OF_CHANNEL, Report, StoredMessage, UndeliveredCounts
from app.services.offline_message_service import MAX_PAGE_BYTES, OfflineMessageService
from tests.doubles.manual_clock import ManualClock
from tests.unit.services.people import ALICE, BOB, CAROL, DAVE, GENERAL, RANDOM


class Sender:
    """Stores messages of Alice."""

    def __init__(self, messages: MemoryMessageRepository, clock: ManualClock) -> None:
        self._messages = messages
        self._clock = clock
        self._sent = 0

    async def send(self, channel_id: ChannelId, content: str = "hello") -> Message:
        self._sent += 1
        message_id = MessageId(f"m{self._sent}")
        draft = MessageDraft(message_id, channel_id, ALICE, content, None)
        (stored,) = await self._messages.add_all([draft], self._clock.now())
        assert isinstance(stored, StoredMessage)
        return stored.message


class SlowCounts(MemoryDeliveryRepository):
    """Delays each count of messages until the test allows it.

    Attributes:
        counted: The user of each count, in order.
        most_at_once: For each user, the maximum number of concurrent counts.
    """

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.counted: list[UserId] = []
        self.most_at_once: Counter[UserId] = Counter()
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self._under_way: Counter[UserId] = Counter()

    async def undelivered_counts(self, user_id: UserId) -> UndeliveredCounts:
        self.counted.append(user_id)
        self._under_way[user_id] += 1
        self.most_at_once |= self._under_way
        self.asked.set()
        await self.may_answer.wait()
        self._under_way[user_id] -= 1
        return await super().undelivered_counts(user_id)


@pytest.fixture
def alice(messages: MemoryMessageRepository, clock: ManualClock) -> Sender:
    """A sender of messages that the other users miss."""
    return Sender(messages, clock)


@pytest.fixture
def service(
    deliveries: MemoryDeliveryRepository, messages: MemoryMessageRepository
) -> OfflineMessageService:
    return OfflineMessageService(deliveries, messages)


async def walk(
    service: OfflineMessageService, user_id: UserId, first: MessagePage, limit: int
) -> list[MessagePage]:
    """Return the first page and all later pages."""
    pages = [first]
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(await service.undelivered(user_id, limit, cursor))
    return pages


async def test_count_adds_up_the_channels_when_messages_wait(
    service: OfflineMessageService, alice: Sender
) -> None:
    """A user's undelivered messages are counted per channel and in total."""
    await alice.send(GENERAL)
    await alice.send(RANDOM)
    await alice.send(GENERAL)

    assert OfflineCount(count=3, channels={GENERAL: 2, RANDOM: 1}) == await service.count(BOB)
    assert OfflineCount(count=2, channels={GENERAL: 2}) == await service.count(CAROL)
    assert OfflineCount(count=0, channels={}) == await service.count(ALICE)


async def test_count_says_that_there_is_more_when_it_stopped(
    service: OfflineMessageService, alice: Sender
) -> None:
    """The JSON has ``more`` only if the count stopped at its limit."""
    for _ in range(MAX_COUNTED_OF_CHANNEL):
        await alice.send(GENERAL)
    all_counted = await service.count(BOB)
    await alice.send(GENERAL)
    await alice.send(RANDOM)

    counted = await service.count(BOB)

    channels = {GENERAL: MAX_COUNTED_OF_CHANNEL}
    assert {"count": MAX_COUNTED_OF_CHANNEL, "channels": channels} == all_counted.to_wire()
    assert {
        "count": MAX_COUNTED_OF_CHANNEL + 1,
        "channels": {**channels, RANDOM: 1},
        "more": True,
    } == counted.to_wire()


async def test_count_asks_the_storage_once_at_a_time_when_a_user_has_many_sockets(
    messages: MemoryMessageRepository, store: MemoryStore
) -> None:
    """A user with many sockets does not use up the database connections."""
    deliveries = SlowCounts(store)
    service = OfflineMessageService(deliveries, messages)
    asking = [asyncio.create_task(service.count(BOB)) for _ in range(20)]
    await deliveries.asked.wait()
    other = asyncio.create_task(service.count(CAROL))
    deliveries.may_answer.set()

    await asyncio.gather(*asking, other)

    assert [BOB, CAROL, BOB] == deliveries.counted
    assert 1 == deliveries.most_at_once[BOB]


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 100])
async def test_undelivered_gives_all_in_order_when_followed_by_cursor(
    service: OfflineMessageService, alice: Sender, limit: int
) -> None:
    """Every message is on exactly one page, and no page is longer than requested."""
    sent = [await alice.send(channel) for channel in (GENERAL, RANDOM, GENERAL, RANDOM, RANDOM)]

    first = await service.undelivered(BOB, limit, None)
    pages = await walk(service, BOB, first, limit)

    assert sent == [message for page in pages for message in page.messages]
    assert -(-len(sent) // limit) == len(pages)


async def test_undelivered_goes_on_when_what_was_given_is_acknowledged_meanwhile(
    service: OfflineMessageService,
    deliveries: MemoryDeliveryRepository,
    alice: Sender,
    clock: ManualClock,
) -> None:
    """The client reports each page as delivered before it requests the next one."""
    sent = [await alice.send(GENERAL) for _ in range(3)]
    page = await service.undelivered(BOB, 1, None)
    report = Report(sent[0].id, BOB, DeliveryState.DELIVERED)
    await deliveries.advance_all([report], clock.now())

    following = await service.undelivered(BOB, 100, page.next_cursor)

    assert tuple(sent[1:]) == following.messages


async def test_undelivered_is_one_empty_page_when_nothing_waits(
    service: OfflineMessageService,
) -> None:
    """The last page has no cursor."""
    assert MessagePage(messages=(), next_cursor=None) == await service.undelivered(BOB, 10, None)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_after_gives_the_rest_of_the_channel_when_followed_by_cursor(
    service: OfflineMessageService, alice: Sender, limit: int
) -> None:
    """The next page continues in the same channel. Delivered messages are included."""
    sent = [await alice.send(GENERAL) for _ in range(4)]
    await alice.send(RANDOM)

    first = await service.after(ALICE, GENERAL, sent[0].seq, limit)
    pages = await walk(service, ALICE, first, limit)

    assert sent[1:] == [message for page in pages for message in page.messages]


async def test_page_is_what_was_asked_for_when_a_client_gives_more_or_less(
    service: OfflineMessageService, alice: Sender
) -> None:
    """A cursor takes precedence over ``since``, if both are of the same channel."""
    first, second, third = [await alice.send(GENERAL) for _ in range(3)]
    since = (GENERAL, first.seq)

    everything = await service.page(BOB, 100, None, None)
    page = await service.page(BOB, 1, None, since)
    following = await service.page(BOB, 1, page.next_cursor, since)

    assert (first, second, third) == everything.messages
    assert ((second,), (third,)) == (page.messages, following.messages)


@pytest.mark.parametrize("asked", [RANDOM, GENERAL])
async def test_page_is_refused_when_the_cursor_is_of_another_place(
    service: OfflineMessageService, alice: Sender, asked: ChannelId
) -> None:
    """A cursor of another channel, or of undelivered messages, contradicts ``since``."""
    for _ in range(2):
        await alice.send(GENERAL)
    pages = {
        RANDOM: await service.after(BOB, GENERAL, 0, 1),
        GENERAL: await service.undelivered(BOB, 1, None),
    }

    with pytest.raises(InvalidPayload) as caught:
        await service.page(BOB, 1, pages[asked].next_cursor, (asked, 0))

    assert "cursor" == caught.value.path


async def test_after_is_refused_when_the_user_is_no_member(
    service: OfflineMessageService, alice: Sender
) -> None:
    """Strangers cannot use a member's cursor."""
    await alice.send(GENERAL)
    await alice.send(GENERAL)
    page = await service.after(BOB, GENERAL, 0, 1)

    with pytest.raises(NotAMember):
        await service.after(DAVE, GENERAL, 0, 1)
    with pytest.raises(NotAMember):
        await service.undelivered(DAVE, 1, page.next_cursor)


async def test_undelivered_is_refused_when_the_cursor_is_forged(
    service: OfflineMessageService,
) -> None:
    """The error names the field of the cursor."""
    with pytest.raises(InvalidPayload) as caught:
        await service.undelivered(BOB, 10, "forged")

    assert "cursor" == caught.value.path


@pytest.mark.parametrize("char", ["x", "é", "😀", "\x01", '"'])
async def test_page_ends_at_its_size_when_messages_are_large(
    service: OfflineMessageService, alice: Sender, char: str
) -> None:
    """The size is counted in JSON, with escapes. No message is left out."""
    sent = [await alice.send(GENERAL, char * 4_000) for _ in range(100)]

    first = await service.undelivered(BOB, 100, None)
    pages = await walk(service, BOB, first, 100)

    assert sent == [message for page in pages for message in page.messages]
    sizes = [len(json_codec.dumps(page).encode()) for page in pages]
    assert max(sizes) <= MAX_PAGE_BYTES
    assert min(sizes[:-1]) > MAX_PAGE_BYTES - 30_000


async def test_page_ends_sooner_when_less_may_wait_for_a_client(
    deliveries: MemoryDeliveryRepository, messages: MemoryMessageRepository, alice: Sender
) -> None:
    """``max_page_bytes`` limits the size of pages."""
    service = OfflineMessageService(deliveries, messages, max_page_bytes=10_000)
    sent = [await alice.send(GENERAL, "x" * 4_000) for _ in range(3)]

    first = await service.undelivered(BOB, 100, None)
    pages = await walk(service, BOB, first, 100)

    assert [(sent[0],), (sent[1],), (sent[2],)] == [page.messages for page in pages]


async def test_page_holds_one_message_when_even_that_is_too_large(
    service: OfflineMessageService, alice: Sender
) -> None:
    """If the page were empty, the client could not read any later messages."""
    sent = [await alice.send(GENERAL, "x" * (MAX_PAGE_BYTES + 1)) for _ in range(2)]

    first = await service.after(BOB, GENERAL, 0, 100)
    pages = await walk(service, BOB, first, 100)

    assert [(sent[0],), (sent[1],)] == [page.messages for page in pages]
