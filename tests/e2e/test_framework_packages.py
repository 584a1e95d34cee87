"""Tests that events, schedules and the throttler work with the JavaScript client as in Nest.

`nest_packages.ts` has the same application for Nest.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from dependency_injector import containers, providers

from app.framework import NestFactory, subscribe_message, use_guards, web_socket_gateway
from app.framework.event_emitter import EventEmitter2, EventEmitterModule, on_event
from app.framework.schedule import CronExpression, ScheduleModule, cron, interval, timeout
from app.framework.testing import ManualClock
from app.framework.throttler import (
    ThrottlerGuard,
    ThrottlerModule,
    ThrottlerOptions,
    skip_throttle,
    throttle,
)
from tests.e2e.js_client import JsDriver

ACKS = json.loads(Path(__file__).with_name("nest_packages.json").read_text(encoding="utf-8"))

clock = ManualClock()


class _Listeners:
    def __init__(self) -> None:
        self._heard: list[list[Any]] = []

    @on_event("**")
    def any(self, value: int) -> str:
        self._heard.append(["**", value])
        return "any"

    @on_event("*.paid")
    def paid(self, value: int) -> str:
        self._heard.append(["*.paid", value])
        return "paid"

    @on_event("order.**")
    def order(self, value: int) -> str:
        self._heard.append(["order.**", value])
        return "order"

    @on_event("order.*")
    def one(self, value: int) -> str:
        self._heard.append(["order.*", value])
        return "one"

    @on_event("order.paid")
    def exact(self, value: int) -> str:
        self._heard.append(["order.paid", value])
        return "exact"

    @on_event("order.sent")
    @on_event("order.received")
    def twice(self) -> str:
        self._heard.append(["sent or received"])
        return "twice"

    @on_event("slow")
    async def slow(self) -> str:
        self._heard.append(["slow starts"])
        await asyncio.sleep(0)
        self._heard.append(["slow ends"])
        return "slow"

    @on_event("fails")
    def fails(self) -> None:
        raise ValueError("sesame")

    @on_event("fails loudly", suppress_errors=False)
    def loudly(self) -> None:
        raise ValueError("sesame")

    def take(self) -> list[list[Any]]:
        heard, self._heard = self._heard, []
        return heard


class _Jobs:
    def __init__(self) -> None:
        self.runs = {"cron": 0, "interval": 0, "timeout": 0}

    @cron(CronExpression.EVERY_SECOND)
    def cron(self) -> None:
        self.runs["cron"] += 1

    @interval(10)
    def interval(self) -> None:
        self.runs["interval"] += 1
        raise ValueError("sesame")

    @timeout(100)
    def timeout(self) -> None:
        self.runs["timeout"] += 1


@web_socket_gateway()
class _ShopGateway:
    def __init__(self, emitter: EventEmitter2, listeners: _Listeners, jobs: _Jobs) -> None:
        self._emitter = emitter
        self._listeners = listeners
        self._jobs = jobs
        self._counts = {"limited": 0, "other": 0, "strict": 0, "free": 0}

    @subscribe_message("emit")
    def emit(self, _: Any, name: str) -> list[Any]:
        return [self._emitter.emit(name, 7, "surplus"), self._listeners.take()]

    @subscribe_message("emit async")
    async def emit_async(self, _: Any, name: str) -> list[Any]:
        try:
            return [await self._emitter.emit_async(name, 7), self._listeners.take()]
        except ValueError:
            return ["raised", self._listeners.take()]

    @subscribe_message("jobs")
    async def ran(self) -> list[Any]:
        await clock.advance(1.1)
        runs = self._jobs.runs
        return [runs["cron"] >= 1, runs["interval"] >= 2, runs["timeout"]]

    @subscribe_message("limited")
    @use_guards(ThrottlerGuard)
    def limited(self) -> None:
        self._counts["limited"] += 1

    @subscribe_message("other")
    @use_guards(ThrottlerGuard)
    def other(self) -> None:
        self._counts["other"] += 1

    @subscribe_message("strict")
    @use_guards(ThrottlerGuard)
    @throttle({"default": {"limit": 1, "ttl": 60_000}})
    def strict(self) -> None:
        self._counts["strict"] += 1

    @subscribe_message("free")
    @use_guards(ThrottlerGuard)
    @skip_throttle()
    def free(self) -> None:
        self._counts["free"] += 1

    @subscribe_message("counts")
    def counted(self) -> dict[str, int]:
        return self._counts


class _AppModule(containers.DeclarativeContainer):
    events = EventEmitterModule.for_root(wildcard=True)
    schedule = ScheduleModule.for_root(clock=clock)
    throttler = ThrottlerModule.for_root(
        [ThrottlerOptions(ttl=60_000, limit=2)], get_tracker=lambda client: client.id
    )
    listeners = providers.Singleton(_Listeners)
    jobs = providers.Singleton(_Jobs)
    gateway = providers.Singleton(_ShopGateway, events.event_emitter, listeners, jobs)


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    app = NestFactory.create(_AppModule)
    yield await app.listen(0)
    await app.close()


async def test_gateway_answers_as_in_nest_when_it_uses_the_packages(
    driver: JsDriver, url: str
) -> None:
    """If the ack of an event is None in `nest_packages.json`, the client requests no ack."""
    client = driver.connect(url, "shop", {})
    answered = []
    for each in ACKS:
        if each["ack"] is None:
            client.emit(each["event"], each["data"])
            answered.append(each)
        else:
            answered.append({**each, "ack": await client.ask(each["event"], each["data"])})

    assert ACKS == answered
