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
    """A store whose methods raise ``error``, unless ``error`` is None."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.error: Exception | None = None
        self.failed = asyncio.Event()
        self.on_added: Callable[[], None] = lambda: None

    async def add(self, revocation: Revocation, ttl_seconds: int) -> None:
        self._fail()
        await super().add(revocation, ttl_seconds)
        self.on_added()

    async def contains_token(self, token: str) -> bool:
        self._fail()
        return await super().contains_token(token)

    async def missed(
        self, live: Callable[[], Iterable[Credential]]
    ) -> AsyncIterator[Sequence[Revocation]]:
        self._fail()
        async for revocations in super().missed(live):
            yield revocations

    def _fail(self) -> None:
        if self.error is not None:
            self.failed.set()
            raise self.error


class FakeBus(RevocationBus):
    """Records published revocations. If a test sets ``error``, `publish` raises it."""

    def __init__(self) -> None:
        self.published: list[Revocation] = []
        self.error: Exception | None = None
        self.on_revoked: Callable[[Revocation], None] = lambda _: None
        self.on_connected: Callable[[], None] = lambda: None
        self.on_published: Callable[[], None] = lambda: None

    def listen(
        self, on_revoked: Callable[[Revocation], None], on_connected: Callable[[], None]
    ) -> None:
        self.on_revoked, self.on_connected = on_revoked, on_connected

    async def publish(self, revocation: Revocation) -> None:
        if self.error is not None:
            raise self.error
        self.published.append(revocation)
        self.on_published()


@pytest.fixture
def store(clock: ManualClock) -> FailingStore:
    """A store that several nodes share."""
    return FailingStore(clock)


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def service(store: FailingStore, bus: FakeBus) -> TokenBlacklistService:
    return TokenBlacklistService(store, bus, poll_interval_seconds=3_600)


@pytest.fixture
def received(service: TokenBlacklistService) -> list[Revocation]:
    """The revocations that this node's listener received."""
    received: list[Revocation] = []
    service.watch(received.append, lambda: LIVE)
    return received


async def test_token_is_blacklisted_until_its_time_when_revoked(
    service: TokenBlacklistService, clock: ManualClock
) -> None:
    """The expiration time is in seconds, as documented."""
    await service.blacklist_token("token", 60)

    clock.advance(59)
    before = await service.is_blacklisted("token")
    clock.advance(1)
    after = await service.is_blacklisted("token")

    assert (True, False) == (before, after)


async def test_token_is_not_blacklisted_when_another_was_revoked(
    service: TokenBlacklistService,
) -> None:
    await service.blacklist_token("token", 60)

    assert not await service.is_blacklisted("another")


@pytest.mark.parametrize("expiration_time", [0, -5])
async def test_token_is_blacklisted_when_expiration_time_is_below_one(
    service: TokenBlacklistService, expiration_time: int
) -> None:
    """An expired token can be revoked, although Redis accepts no TTL below one."""
    await service.blacklist_token("token", expiration_time)

    assert await service.is_blacklisted("token")


async def test_revocation_is_stored_then_told_then_published_when_made(
    service: TokenBlacklistService, store: FailingStore, bus: FakeBus
) -> None:
    """When the listener receives the revocation, the store already contains it."""
    order: list[str] = []
    store.on_added = lambda: order.append("stored")
    service.watch(lambda _: order.append("notified"), tuple)
    bus.on_published = lambda: order.append("published")

    await service.revoke(TOKEN, 60)

    assert ["stored", "notified", "published"] == order
    assert (True, [TOKEN]) == (await store.contains_token("token"), bus.published)


async def test_nobody_hears_when_the_revocation_was_not_stored(
    service: TokenBlacklistService,
    store: FailingStore,
    bus: FakeBus,
    received: list[Revocation],
) -> None:
    """The caller receives the error and can try again."""
    store.error = Unavailable()

    with pytest.raises(Unavailable):
        await service.blacklist_token("token", 60)

    assert ([], []) == (received, bus.published)


async def test_revocation_stands_when_it_cannot_be_published(
    service: TokenBlacklistService,
    bus: FakeBus,
    received: list[Revocation],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The call succeeds: the other nodes find the revocation when they poll the store."""
    bus.error = Unavailable()

    await service.revoke(TOKEN, 60)

    assert [TOKEN] == received
    assert [logging.WARNING] == [record.levelno for record in caplog.records]


async def test_listener_is_notified_when_another_node_publishes(
    service: TokenBlacklistService, bus: FakeBus, received: list[Revocation]
) -> None:
    await service.on_module_init()

    bus.on_revoked(TOKEN)
    await service.on_module_destroy()

    assert [TOKEN] == received


async def test_catch_up_tells_what_concerns_the_live_when_another_node_revoked(
    service: TokenBlacklistService, store: FailingStore, received: list[Revocation]
) -> None:
    """A poll of the store finds revocations that were not published."""
    await store.add(Revocation.of_session("sess"), 60)

    await service.catch_up()

    assert [Revocation.of_session("sess")] == received


async def test_watch_catches_up_when_the_channel_is_connected_again(
    store: FailingStore, bus: FakeBus
) -> None:
    """A missed revocation is found when the bus reconnects, long before the next regular poll."""
    notified = asyncio.Event()
    service = TokenBlacklistService(store, bus, poll_interval_seconds=3_600)
    await service.on_module_init()
    service.watch(lambda _: notified.set(), lambda: LIVE)

    await store.add(TOKEN, 60)
    bus.on_connected()
    await asyncio.wait_for(notified.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert notified.is_set()


async def test_watch_catches_up_by_itself_when_initialised(
    store: FailingStore, bus: FakeBus
) -> None:
    """A task polls the store at intervals, and ends when the module is destroyed."""
    notified = asyncio.Event()
    service = TokenBlacklistService(store, bus, poll_interval_seconds=0.001)
    service.watch(lambda _: notified.set(), lambda: LIVE)

    await service.on_module_init()
    await store.add(TOKEN, 60)
    await asyncio.wait_for(notified.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_watch_catches_up_soon_when_the_store_answers_again(
    store: FailingStore, bus: FakeBus
) -> None:
    """The bus reconnects while the store is still unavailable, so the poll is retried soon."""
    notified = asyncio.Event()
    service = TokenBlacklistService(store, bus, poll_interval_seconds=3_600)
    service.watch(lambda _: notified.set(), lambda: LIVE)
    await service.on_module_init()
    await store.add(TOKEN, 60)

    store.error = Unavailable()
    bus.on_connected()
    await asyncio.wait_for(store.failed.wait(), timeout=ANSWER_SECONDS)
    store.error = None
    await asyncio.wait_for(notified.wait(), timeout=ANSWER_SECONDS)
    await service.on_module_destroy()

    assert notified.is_set()


async def test_init_succeeds_when_the_store_is_unavailable(
    service: TokenBlacklistService,
    store: FailingStore,
    received: list[Revocation],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The failure is logged and the poll is repeated, so no revocation is missed."""
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
    assert [TOKEN] == received


async def test_init_logs_the_traceback_when_the_store_has_a_bug(
    service: TokenBlacklistService, store: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is logged with its traceback, and polling continues."""
    store.error = RuntimeError("bug")

    await service.on_module_init()
    await service.on_module_destroy()

    assert [True] == [record.exc_info is not None for record in caplog.records]


async def test_destroy_is_harmless_when_never_initialised(service: TokenBlacklistService) -> None:
    """When a testing module is closed, only this hook runs."""
    await service.on_module_destroy()

    assert not await service.is_blacklisted("token")
