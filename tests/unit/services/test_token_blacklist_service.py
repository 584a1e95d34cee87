import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest

from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.domain.credential import Credential, Revocation
from app.domain.errors import Unavailable
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.ports import RevocationBus
from app.services.token_blacklist_service import TokenBlacklistService
from tests.deadlines import ANSWER_SECONDS
from tests.doubles.manual_clock import ManualClock

LOGGER = "app.services.token_blacklist_service"
TOKEN = Revocation.of_token("token")
LIVE = (Credential.of("token", Principal(UserId("user_alice"), "sess", None, expires_at=60)),)


class FailingStore(MemoryRevocationStore):
    """Fails with an error while there is one, and says so."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.error: Exception | None = None
        self.failed = asyncio.Event()
        self.on_added: Callable[[], None] = lambda: None

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        """Fail or add."""
        self._fail()
        await super().add(revocation, ttl_seconds)
        self.on_added()

    async def contains_token(self, token: str) -> bool:
        """Fail or answer."""
        self._fail()
        return await super().contains_token(token)

    async def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        """Fail or answer."""
        self._fail()
        async for revocations in super().missed(live):
            yield revocations

    def _fail(self) -> None:
        if self.error is not None:
            self.failed.set()
            raise self.error


class Channel(RevocationBus):
    """Keeps what is published, and says what a test says.

    Attributes:
        error: Why nothing can be published, while there is a reason.
    """

    def __init__(self) -> None:
        self.published: list[Revocation] = []
        self.error: Exception | None = None
        self.on_revoked: Callable[[Revocation], None] = lambda _: None
        self.on_connected: Callable[[], None] = lambda: None
        self.on_published: Callable[[], None] = lambda: None

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        """Keep both."""
        self.on_revoked, self.on_connected = on_revoked, on_connected

    async def publish(self, revocation: Revocation) -> None:
        """Keep it."""
        if self.error is not None:
            raise self.error
        self.published.append(revocation)
        self.on_published()


@pytest.fixture
def store(clock: ManualClock) -> FailingStore:
    """What several nodes share."""
    return FailingStore(clock)


@pytest.fixture
def channel() -> Channel:
    """By which they tell each other."""
    return Channel()


@pytest.fixture
def service(store: FailingStore, channel: Channel) -> TokenBlacklistService:
    """This node's service."""
    return TokenBlacklistService(store, channel, poll_interval_seconds=3_600)


@pytest.fixture
def heard(service: TokenBlacklistService) -> list[Revocation]:
    """What this node's watcher was told of."""
    heard: list[Revocation] = []
    service.watch(heard.append, lambda: LIVE)
    return heard


async def test_token_is_blacklisted_until_its_time_when_revoked(
    service: TokenBlacklistService, clock: ManualClock
) -> None:
    """The expiration time is a number of seconds, as documented."""
    await service.blacklist_token("token", 60)

    clock.advance(59)
    before = await service.is_blacklisted("token")
    clock.advance(1)
    after = await service.is_blacklisted("token")

    assert (True, False) == (before, after)


async def test_token_is_not_blacklisted_when_another_was_revoked(
    service: TokenBlacklistService,
) -> None:
    """A revocation concerns one token."""
    await service.blacklist_token("token", 60)

    assert not await service.is_blacklisted("another")


@pytest.mark.parametrize("expiration_time", [0, -5])
async def test_token_is_blacklisted_when_expiration_time_is_below_one(
    service: TokenBlacklistService, expiration_time: int
) -> None:
    """Revoking an expired token is no error, though Redis refuses such a time."""
    await service.blacklist_token("token", expiration_time)

    assert await service.is_blacklisted("token")


async def test_revocation_is_stored_then_told_then_published_when_made(
    service: TokenBlacklistService, store: FailingStore, channel: Channel
) -> None:
    """Whoever hears of it finds it in the store."""
    order: list[str] = []
    store.on_added = lambda: order.append("stored")
    service.watch(lambda _: order.append("told"), tuple)
    channel.on_published = lambda: order.append("published")

    await service.revoke(TOKEN, 60)

    assert ["stored", "told", "published"] == order
    assert (True, [TOKEN]) == (await store.contains_token("token"), channel.published)


async def test_nobody_hears_when_the_revocation_was_not_stored(
    service: TokenBlacklistService,
    store: FailingStore,
    channel: Channel,
    heard: list[Revocation],
) -> None:
    """Whoever asked for it is told, and asks again."""
    store.error = Unavailable()

    with pytest.raises(Unavailable):
        await service.blacklist_token("token", 60)

    assert ([], []) == (heard, channel.published)


async def test_revocation_stands_when_it_cannot_be_published(
    service: TokenBlacklistService,
    channel: Channel,
    heard: list[Revocation],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is stored, so the other nodes find it; that is no failure of the caller's."""
    channel.error = Unavailable()

    await service.revoke(TOKEN, 60)

    assert [TOKEN] == heard
    assert [logging.WARNING] == [record.levelno for record in caplog.records]


async def test_watcher_hears_when_another_node_tells(
    service: TokenBlacklistService, channel: Channel, heard: list[Revocation]
) -> None:
    """By the channel, at once."""
    await service.on_module_init()

    channel.on_revoked(TOKEN)
    await service.on_module_destroy()

    assert [TOKEN] == heard


async def test_catch_up_tells_what_concerns_the_live_when_another_node_revoked(
    service: TokenBlacklistService, store: FailingStore, heard: list[Revocation]
) -> None:
    """Though nobody told."""
    await store.add(Revocation.of_session("sess"), 60)

    await service.catch_up()

    assert [Revocation.of_session("sess")] == heard


async def test_watch_catches_up_when_the_channel_is_connected_again(
    store: FailingStore, channel: Channel
) -> None:
    """What was published meanwhile is heard long before the next regular look."""
    told = asyncio.Event()
    service = TokenBlacklistService(store, channel, poll_interval_seconds=3_600)
    await service.on_module_init()
    service.watch(lambda _: told.set(), lambda: LIVE)

    await store.add(TOKEN, 60)
    channel.on_connected()
    await asyncio.wait_for(told.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert told.is_set()


async def test_watch_catches_up_by_itself_when_initialised(
    store: FailingStore, channel: Channel
) -> None:
    """The task looks again and again, and ends with the module."""
    told = asyncio.Event()
    service = TokenBlacklistService(store, channel, poll_interval_seconds=0.001)
    service.watch(lambda _: told.set(), lambda: LIVE)

    await service.on_module_init()
    await store.add(TOKEN, 60)
    await asyncio.wait_for(told.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_watch_catches_up_soon_when_the_store_answers_again(
    store: FailingStore, channel: Channel
) -> None:
    """Long before the next regular look, though the channel was back too early."""
    told = asyncio.Event()
    service = TokenBlacklistService(store, channel, poll_interval_seconds=3_600)
    service.watch(lambda _: told.set(), lambda: LIVE)
    await service.on_module_init()
    await store.add(TOKEN, 60)

    store.error = Unavailable()
    channel.on_connected()
    await asyncio.wait_for(store.failed.wait(), timeout=ANSWER_SECONDS)
    store.error = None
    await asyncio.wait_for(told.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert told.is_set()


async def test_init_succeeds_when_the_store_is_unavailable(
    service: TokenBlacklistService,
    store: FailingStore,
    heard: list[Revocation],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged by its class, tried again, and nothing of the gap is missed."""
    store.error = Unavailable()

    await service.on_module_init()
    available = await service.is_available()
    store.error = None
    await store.add(TOKEN, 60)
    await service.catch_up()
    await service.on_module_destroy()

    expected = (LOGGER, logging.WARNING, "revocations cannot be read now")
    assert [expected] == caplog.record_tuples
    assert (False, True) == (available, await service.is_available())
    assert [TOKEN] == heard


async def test_init_logs_the_traceback_when_the_store_has_a_bug(
    service: TokenBlacklistService, store: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The unexpected does not end the watch either, but it is told apart."""
    store.error = RuntimeError("bug")

    await service.on_module_init()
    await service.on_module_destroy()

    assert [True] == [record.exc_info is not None for record in caplog.records]


async def test_destroy_is_harmless_when_never_initialised(service: TokenBlacklistService) -> None:
    """Closing a testing module runs the hook without the other."""
    await service.on_module_destroy()

    assert not await service.is_blacklisted("token")
