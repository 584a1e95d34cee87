"""Tests that an application of many modules acks the JavaScript client as in Nest."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from dependency_injector import containers, providers

from app.framework import (
    BootError,
    ForwardRef,
    ModuleRef,
    NestFactory,
    Reflector,
    forward_ref,
    global_,
    imported,
    set_metadata,
    subscribe_message,
    web_socket_gateway,
)
from tests.e2e.js_client import JsDriver

ACKS = json.loads(Path(__file__).with_name("nest_modules.json").read_text(encoding="utf-8"))


class _MailOptions:
    def __init__(self, sender: str) -> None:
        self.sender = sender


class _Mailer:
    sender: str


class _SmtpMailer(_Mailer):
    def __init__(self, sender: str) -> None:
        self.sender = sender


connections: list[_Mailer] = []


async def connect(options: _MailOptions) -> _Mailer:
    await asyncio.sleep(0.001)
    connections.append(_SmtpMailer(options.sender))
    return connections[-1]


@global_
class _MailModule(containers.DeclarativeContainer):
    options: providers.Dependency[_MailOptions] = imported(_MailOptions)
    mailer = providers.Singleton(connect, options)
    alias = mailer

    @staticmethod
    def for_root(sender: str) -> "providers.Container[_MailModule]":
        return providers.Container(_MailModule, options=providers.Object(_MailOptions(sender)))


class _Counter:
    def __init__(self) -> None:
        self._count = 0

    def next(self) -> int:
        self._count += 1
        return self._count


class _Cats:
    def __init__(self, dogs: "ForwardRef[_Dogs]", counter: _Counter) -> None:
        self.dogs = dogs
        self.counter = counter


class _Dogs:
    def __init__(self, cats: _Cats, counter: _Counter) -> None:
        self.cats = cats
        self.counter = counter


class _Created:
    def __init__(self, mailer: _Mailer) -> None:
        self.mailer = mailer


@web_socket_gateway()
@set_metadata("limits", {"rate": 1, "size": 2})
class _PetsGateway:
    def __init__(
        self, cats: _Cats, dogs: _Dogs, mailer: _Mailer, module_ref: ModuleRef, reflector: Reflector
    ) -> None:
        self._cats = cats
        self._dogs = dogs
        self._mailer = mailer
        self._ref = module_ref
        self._reflector = reflector

    @subscribe_message("sender")
    def sender(self) -> list[Any]:
        return [self._mailer.sender, len(connections)]

    @subscribe_message("alias")
    def alias(self) -> bool:
        return self._ref.get(_Mailer) is self._mailer

    @subscribe_message("cycle")
    def cycle(self) -> list[bool]:
        return [self._cats.dogs() is self._dogs, self._dogs.cats is self._cats]

    @subscribe_message("transient")
    def transient(self) -> list[int]:
        return [self._cats.counter.next(), self._cats.counter.next(), self._dogs.counter.next()]

    @subscribe_message("get")
    def get(self) -> bool:
        return self._ref.get(_Cats) is self._cats

    @subscribe_message("get another module")
    def get_another_module(self) -> bool:
        return self._ref.get(_Mailer) is self._mailer

    @subscribe_message("get a transient")
    def get_a_transient(self) -> str:
        with pytest.raises(BootError):
            self._ref.get(_Counter)
        return "refused"

    @subscribe_message("resolve")
    async def resolve(self) -> list[Any]:
        one, other = await self._ref.resolve(_Counter), await self._ref.resolve(_Counter)
        return [one is other, one.next(), await self._ref.resolve(_Cats) is self._cats]

    @subscribe_message("create")
    async def create(self) -> list[bool]:
        one, other = await self._ref.create(_Created), await self._ref.create(_Created)
        return [one is other, one.mailer is self._mailer]

    @subscribe_message("merge")
    @set_metadata("limits", {"rate": 5, "burst": 3})
    def merge(self) -> Any:
        return self._reflector.get_all_and_merge("limits", [_PetsGateway.merge, _PetsGateway])


class _PetsModule(containers.DeclarativeContainer):
    counter = providers.Factory(_Counter)
    cats = providers.Singleton(_Cats, forward_ref(lambda: _Dogs), counter)
    dogs = providers.Singleton(_Dogs, cats, counter)
    gateway = providers.Singleton(
        _PetsGateway,
        cats,
        dogs,
        imported(_Mailer),
        imported(ModuleRef),
        providers.Singleton(Reflector),
    )


class _RootModule(containers.DeclarativeContainer):
    pets = providers.Container(_PetsModule)
    mail = _MailModule.for_root("pets@example.org")


@pytest_asyncio.fixture(loop_scope="session")
async def url() -> AsyncIterator[str]:
    connections.clear()
    app = NestFactory.create(_RootModule)
    yield await app.listen(0)
    await app.close()


async def test_gateway_answers_as_in_nest_when_its_modules_use_every_form(
    driver: JsDriver, url: str
) -> None:
    """`nest_modules.ts` has the same modules and handlers."""
    client = driver.connect(url, "pets", {})

    acks = [{"event": each["event"], "ack": await client.ask(each["event"])} for each in ACKS]

    assert acks == ACKS
