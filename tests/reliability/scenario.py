"""One scenario from beginning to end: people chat, things go wrong, and then it is looked at."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.e2e.server_process import ServerProcess, running
from tests.postgres_server import PostgresServer
from tests.reliability.device import Device
from tests.reliability.evidence import DeviceLog, Notes, Stored
from tests.reliability.faults import Stage, Trouble
from tests.reliability.guest_absences import come_and_go
from tests.reliability.invariants import violations
from tests.reliability.js_link import JsLink, JsLinks
from tests.reliability.original_backend import store_as_prisma
from tests.reliability.outcome import Outcome
from tests.reliability.participants import (
    CHANNELS,
    DEVICES,
    MEMBERSHIPS,
    SETTINGS,
    channels_to_send_in,
    write_seed,
)
from tests.reliability.person import Person
from tests.reliability.progress import Progress
from tests.reliability.python_link import LightLink
from tests.reliability.storage import Storage

_DATABASE = "reliability"
_TOKEN_SECONDS = 3_600
_FIRST_TROUBLE, _LAST_TROUBLE = 0.02, 0.9
"""The shares of all messages between which things go wrong."""
_SETTLE_SECONDS = 60.0
_SETTLE_STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """How long a scenario is.

    Attributes:
        messages: Of all people together.
        troubles: How often something goes wrong.
        absences: How often the guest is removed from a channel.
        beside: How many messages the original backend stores on the same PostgreSQL.
        seconds: Until it is given up.
        slack_seconds: What the machine may take for an answer besides, when it is busy.
    """

    messages: int
    troubles: int
    absences: int
    beside: int
    seconds: float
    slack_seconds: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done to whom.

    Attributes:
        troubles: Taken in turn.
        nodes: How many servers share the database.
        doubled: Of how many messages each is sent by all devices of its user at once.
    """

    name: str
    troubles: tuple[Trouble, ...]
    uses_postgres: bool = False
    nodes: int = 1
    doubled: float = 0.2


async def play(
    scenario: Scenario, size: Size, seed: int, folder: Path, postgres: PostgresServer | None
) -> Outcome:
    """Play it, and check what is left.

    Args:
        scenario: Which.
        size: How long.
        seed: All choices follow from it; what they meet depends on the machine, too.
        folder: An empty one.
        postgres: A running one, where the scenario uses it.

    Raises:
        TimeoutError: It did not come to its end.
    """
    began_at = time.monotonic()
    notes, progress = Notes(size.slack_seconds), Progress(size.messages)
    file = folder / "chat.db"
    async with asyncio.timeout(size.seconds), AsyncExitStack() as stack:
        url = f"sqlite:///{file}"
        if scenario.uses_postgres:
            assert postgres is not None
            url = await stack.enter_async_context(_database(postgres))
        servers = [
            await _started(stack, folder, url, is_first=number == 0)
            for number in range(scenario.nodes)
        ]
        stage = Stage(servers, progress, random.Random(f"{seed} troubles"), file, postgres)
        storage = Storage(url)
        async with _connected(servers, notes, seed) as devices:
            people = _people(devices, notes, progress, seed, scenario.doubled)
            await _chat(scenario, size, seed, stage, storage, notes, people)
            # A node does not hear of what another one stores.
            stored = await _settled(devices, storage, by_asking=scenario.nodes > 1)
            for user, person in people.items():
                notes.counts[user] = await person.offline_counts()
        notes.server_log = "".join(server.out + server.err for server in servers)
    return Outcome(
        scenario.name,
        seed,
        notes,
        unavailable=progress.unavailable,
        troubles=size.troubles,
        seconds=time.monotonic() - began_at,
        violations=violations(notes, stored),
    )


async def _chat(
    scenario: Scenario,
    size: Size,
    seed: int,
    stage: Stage,
    storage: Storage,
    notes: Notes,
    people: Mapping[str, Person],
) -> None:
    """Until everything is sent, and everything has gone wrong."""
    async with asyncio.TaskGroup() as tasks:
        for number, person in enumerate(people.values()):
            share = len(range(number, size.messages, len(people)))
            tasks.create_task(person.send_all(share))
        tasks.create_task(_trouble(stage, scenario.troubles, size.troubles))
        tasks.create_task(come_and_go(size.absences, stage.servers, storage, notes, stage.progress))
        if scenario.uses_postgres:
            dice = random.Random(f"{seed} beside")
            tasks.create_task(store_as_prisma(size.beside, storage, notes, stage.progress, dice))


@asynccontextmanager
async def _database(postgres: PostgresServer) -> AsyncIterator[str]:
    """The address of an empty one."""
    await asyncio.to_thread(postgres.create_database, _DATABASE)
    try:
        yield postgres.url(_DATABASE)
    finally:
        await asyncio.to_thread(postgres.drop_database, _DATABASE)


async def _started(
    stack: AsyncExitStack, folder: Path, url: str, *, is_first: bool
) -> ServerProcess:
    settings = {**SETTINGS, "DATABASE_URL": url}
    if is_first:
        settings["SEED_FILE"] = str(write_seed(folder / "seed.json"))
    server = await stack.enter_async_context(running(folder, settings))
    # Once: a later start would bring the guest back.
    server.settings.pop("SEED_FILE", None)
    return server


@asynccontextmanager
async def _connected(
    servers: Sequence[ServerProcess], notes: Notes, seed: int
) -> AsyncIterator[list[Device]]:
    """All devices, spread over the servers, each at work in the background."""
    links = JsLinks()
    await links.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            background, devices = [], []
            for kind, server in zip(DEVICES, cycle(servers), strict=False):
                token = await server.token(kind.user_id, _TOKEN_SECONDS)
                link: JsLink | LightLink
                if kind.is_javascript:
                    link = links.connect(server.url, token)
                else:
                    link = LightLink(server.url, token)
                    background.append(tasks.create_task(link.run()))
                log = DeviceLog(kind.user_id, kind.name)
                notes.devices.append(log)
                dice = random.Random(f"{seed} {log}")
                device = Device(log, MEMBERSHIPS[kind.user_id], link, notes, dice)
                background.append(tasks.create_task(device.run()))
                devices.append(device)
            for device in devices:
                await device.link.online.wait()
            yield devices
            for task in background:
                task.cancel()
    finally:
        await links.stop()


def _people(
    devices: Sequence[Device], notes: Notes, progress: Progress, seed: int, doubled: float
) -> dict[str, Person]:
    return {
        user: Person(
            user,
            channels_to_send_in(user),
            [device for device in devices if device.log.user_id == user],
            notes,
            progress,
            random.Random(f"{seed} {user}"),
            doubled,
        )
        for user in MEMBERSHIPS
    }


async def _trouble(stage: Stage, troubles: tuple[Trouble, ...], times: int) -> None:
    moments = sorted(stage.dice.uniform(_FIRST_TROUBLE, _LAST_TROUBLE) for _ in range(times))
    for moment, trouble in zip(moments, cycle(troubles), strict=False):
        await stage.progress.reaches(moment)
        await trouble(stage)


async def _settled(devices: Sequence[Device], storage: Storage, *, by_asking: bool) -> Stored:
    """What is stored once everybody knows of it and has reported; or as it is after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            while not _is_settled(devices, await storage.everything()):
                for device in devices:
                    if by_asking and not device.is_busy:
                        device.look_again()
                await asyncio.sleep(_SETTLE_STEP_SECONDS)
    # Again: reports may have ended since it was read.
    return await storage.everything()


def _is_settled(devices: Sequence[Device], stored: Stored) -> bool:
    last = dict.fromkeys(CHANNELS, 0)
    for message in stored.messages:
        key = message.key
        if key.seq == 0:  # the original backend's, and not taken in yet
            return False
        last[key.channel_id] = max(last[key.channel_id], key.seq)
    return all(
        device.has_all(channel, last[channel])
        for device in devices
        for channel in MEMBERSHIPS[device.log.user_id]
    ) and not any(device.is_busy for device in devices)
