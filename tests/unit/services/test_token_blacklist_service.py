import asyncio
import logging

import pytest

from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_token_blacklist import MemoryTokenBlacklist
from app.domain.errors import Unavailable
from app.ports import RevocationLog
from app.ports.token_blacklist import token_digest
from app.services.token_blacklist_service import TokenBlacklistService

LOGGER = "app.services.token_blacklist_service"


class FailingBlacklist(MemoryTokenBlacklist):
    """Answers `revoked_after` and `add` with an error while there is one."""

    error: Exception | None = None

    async def add(self, token: str, ttl_seconds: int) -> None:
        """Fail or add."""
        if self.error is not None:
            raise self.error
        await super().add(token, ttl_seconds)

    async def revoked_after(self, position: int) -> RevocationLog:
        """Fail or answer."""
        if self.error is not None:
            raise self.error
        return await super().revoked_after(position)


@pytest.fixture
def store(clock: ManualClock) -> FailingBlacklist:
    """What several processes share."""
    return FailingBlacklist(clock)


@pytest.fixture
def service(store: FailingBlacklist) -> TokenBlacklistService:
    """This process's service."""
    return TokenBlacklistService(store)


@pytest.fixture
def heard(service: TokenBlacklistService) -> list[str]:
    """The digests this process's listener was told of."""
    heard: list[str] = []
    service.on_revoked(heard.append)
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


async def test_listener_hears_at_once_when_this_process_revokes(
    service: TokenBlacklistService, heard: list[str]
) -> None:
    """No poll stands between a revocation and the sockets of the process that made it."""
    await service.blacklist_token("token", 60)

    assert [token_digest("token")] == heard


async def test_listener_hears_nothing_when_revocation_was_not_stored(
    service: TokenBlacklistService, store: FailingBlacklist, heard: list[str]
) -> None:
    """What failed did not happen."""
    store.error = Unavailable()

    with pytest.raises(Unavailable):
        await service.blacklist_token("token", 60)

    assert [] == heard


async def test_catch_up_tells_each_once_when_another_process_revoked(
    service: TokenBlacklistService, store: FailingBlacklist, heard: list[str]
) -> None:
    """A second call tells only what is new."""
    other_process = TokenBlacklistService(store)
    await other_process.blacklist_token("one", 60)

    await service.catch_up()
    await other_process.blacklist_token("two", 60)
    await service.catch_up()

    assert [token_digest("one"), token_digest("two")] == heard


async def test_catch_up_tells_all_when_the_log_comes_in_pages(
    service: TokenBlacklistService, store: FailingBlacklist, heard: list[str]
) -> None:
    """The store answers with 1,000 at a time; the rest is asked for."""
    for number in range(2_500):
        await store.add(f"token {number}", 60)

    await service.catch_up()

    assert 2_500 == len(set(heard))


async def test_init_passes_over_history_when_listeners_register_after_it(
    service: TokenBlacklistService, store: FailingBlacklist
) -> None:
    """A start tells nobody of what was revoked before; what comes then is told."""
    await store.add("before", 60)
    heard: list[str] = []

    await service.on_module_init()
    service.on_revoked(heard.append)
    await store.add("after", 60)
    await service.catch_up()
    await service.on_module_destroy()

    assert [token_digest("after")] == heard


async def test_init_succeeds_when_the_store_is_unavailable(
    service: TokenBlacklistService,
    store: FailingBlacklist,
    heard: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged by its class, tried again, and nothing of the gap is missed."""
    store.error = Unavailable()

    await service.on_module_init()
    store.error = None
    await store.add("in the gap", 60)
    await service.catch_up()
    await service.on_module_destroy()

    expected = (LOGGER, logging.WARNING, "revocations cannot be read now: Unavailable")
    assert [expected] == caplog.record_tuples
    assert [token_digest("in the gap")] == heard


async def test_init_logs_the_traceback_when_the_store_has_a_bug(
    service: TokenBlacklistService, store: FailingBlacklist, caplog: pytest.LogCaptureFixture
) -> None:
    """The unexpected does not end the watch either, but it is told apart."""
    store.error = RuntimeError("bug")

    await service.on_module_init()
    await service.on_module_destroy()

    assert [True] == [record.exc_info is not None for record in caplog.records]


async def test_watch_polls_by_itself_when_initialised(
    store: FailingBlacklist,
) -> None:
    """The task calls `catch_up` again and again, and ends with the module."""
    told = asyncio.Event()
    service = TokenBlacklistService(store, watch_interval_seconds=0.001)
    service.on_revoked(lambda _digest: told.set())

    await service.on_module_init()
    await store.add("token", 60)
    await asyncio.wait_for(told.wait(), timeout=5)
    await service.on_module_destroy()

    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_destroy_is_harmless_when_never_initialised(service: TokenBlacklistService) -> None:
    """Closing a testing module runs the hook without the other."""
    await service.on_module_destroy()

    assert not await service.is_blacklisted("token")
