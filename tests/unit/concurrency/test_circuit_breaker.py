import asyncio
from collections.abc import AsyncIterator

import pytest

from app.concurrency.circuit_breaker import HALF_OPEN_WAIT_SECONDS, CircuitBreaker
from tests.deadlines import ANSWER_SECONDS


class Service:
    """A service whose probes succeed after a test has called `recover`."""

    def __init__(self) -> None:
        self.probes = 0
        self.error: Exception | None = None
        self.has_answered = asyncio.Event()
        self._recovered = asyncio.Event()
        self.breaker = CircuitBreaker("service", self._probe, retry_seconds=0.01)

    def recover(self) -> None:
        """Let this and all later probes succeed."""
        self._recovered.set()

    async def _probe(self) -> None:
        self.probes += 1
        await self._recovered.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.breaker.close()
        self.has_answered.set()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    yield service
    await service.breaker.stop()


async def test_circuit_breaker_rejects_calls_until_a_probe_succeeds(service: Service) -> None:
    """Only one probe runs at a time, no matter how many calls fail."""
    service.breaker.open()
    await asyncio.sleep(2 * HALF_OPEN_WAIT_SECONDS)
    for _ in range(3):
        assert not await service.breaker.wait_half_open()
        service.breaker.open()

    service.recover()
    await asyncio.wait_for(service.has_answered.wait(), ANSWER_SECONDS)

    assert service.breaker.is_closed
    assert service.probes == 1


async def test_circuit_breaker_lets_a_waiting_call_pass_when_the_first_probe_succeeds_soon(
    service: Service,
) -> None:
    service.breaker.open()
    call = asyncio.create_task(service.breaker.wait_half_open())
    await asyncio.sleep(0)

    service.recover()

    assert await call


async def test_circuit_breaker_probes_again_when_a_probe_raised_an_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a probe is logged, but does not keep the circuit breaker open forever."""
    service.error = ValueError()
    service.breaker.open()
    service.recover()

    await asyncio.wait_for(service.has_answered.wait(), ANSWER_SECONDS)

    assert ["the probe of service raised an error"] == caplog.messages
    assert service.probes == 2


async def test_circuit_breaker_closes_when_a_call_succeeds_while_the_probe_hangs(
    service: Service,
) -> None:
    service.breaker.open()
    call = asyncio.create_task(service.breaker.wait_half_open())
    await asyncio.sleep(0)

    service.breaker.close()

    assert await call
    assert service.breaker.is_closed


async def test_circuit_breaker_stays_open_and_ends_its_task_when_it_is_stopped(
    service: Service,
) -> None:
    service.breaker.open()
    await service.breaker.stop()

    service.breaker.close()

    assert not await service.breaker.wait_half_open()
    assert {asyncio.current_task()} == asyncio.all_tasks()
