"""Plays a scenario: users chat while faults occur, and then the invariants are checked."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.e2e.server_process import ServerProcess, run_command, running
from tests.postgres_server import PostgresServer
from tests.reliability.cluster import Adapter, running_cluster
from tests.reliability.crowd import crowd_of
from tests.reliability.device import Device
from tests.reliability.evidence import DeviceLog, Notes, Stored
from tests.reliability.faults import Fault, Stage
from tests.reliability.guest_absences import come_and_go
from tests.reliability.invariants import violations
from tests.reliability.js_link import JsLink, JsLinks
from tests.reliability.original_backend import (
    OriginalBackend,
    nest_backend,
    silent_backend,
    store_all,
)
from tests.reliability.outcome import Outcome
from tests.reliability.participants import (
    CHANNELS,
    DEVICES,
    MEMBERSHIPS,
    SETTINGS,
    TOKEN_SECONDS,
    channels_to_send_in,
    clerks_token,
    write_seed,
)
from tests.reliability.person import Person
from tests.reliability.progress import Progress
from tests.reliability.python_link import PythonLink
from tests.reliability.restarts import child_processes
from tests.reliability.storage import Storage

_DATABASE = "reliability"
_FIRST_FAULT, _LAST_FAULT = 0.02, 0.9
"""The progress of the scenario (0 to 1) at the first and the last fault."""
_QUIET_SECONDS = 60.0
_QUIET_STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a scenario.

    Attributes:
        messages: The number of messages of all users.
        faults: The number of faults.
        absences: The number of times that the guest is removed from a channel.
        by_original: The number of messages that the original backend stores, on PostgreSQL.
        seconds: The timeout of the scenario.
        crowd: The number of clients without channels, if processes are restarted.
        slack_seconds: The additional time that an answer may take on a busy machine.
    """

    messages: int
    faults: int
    absences: int
    by_original: int
    crowd: int
    seconds: float
    slack_seconds: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A reliability scenario: its database, its servers and the faults that it injects.

    Attributes:
        faults: The faults, which are injected in a random order, each before any is repeated.
        nodes: The number of servers that share the database.
        doubled: The share of messages (0 to 1) that all devices of a user send at the same time.
        cluster: The ``CLUSTER_ADAPTER`` of the servers, if they share a Redis server. Then they are
            production servers.
        settings: Further settings of the servers.
        fault_seconds: How long a fault lasts during which messages are still acked. People send so
            slowly that there are messages in each fault. If 0, they send as fast as they can.
        has_nest: Whether the original backend is a NestJS gateway in the cluster.
        has_crowd: Whether there are clients that do nothing but reconnect.
        is_long: Whether only ``make reliability`` plays the scenario.
    """

    name: str
    faults: tuple[Fault, ...]
    uses_postgres: bool = False
    nodes: int = 1
    doubled: float = 0.2
    cluster: Adapter | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    fault_seconds: float = 0.0
    has_nest: bool = False
    has_crowd: bool = False
    is_long: bool = False


async def play(
    scenario: Scenario, size: Size, seed: int, folder: Path, postgres: PostgresServer | None
) -> Outcome:
    """Play a scenario, and check the invariants.

    Args:
        scenario: The scenario.
        size: The numbers of messages and faults, and the time limits.
        seed: The seed of all random choices. The timing also depends on the machine.
        folder: An empty folder.
        postgres: A running server, if the scenario uses one.

    Raises:
        TimeoutError: The scenario did not end in time.
    """
    began_at = time.monotonic()
    # Without Redis, clients of a node receive no events about messages of other nodes.
    is_live = scenario.nodes == 1 or scenario.cluster is not None
    notes, progress = Notes(size.slack_seconds, is_live=is_live), Progress(size.messages)
    file = folder / "chat.db"
    async with asyncio.timeout(size.seconds), AsyncExitStack() as stack:
        url = f"sqlite:///{file}"
        if scenario.uses_postgres:
            assert postgres is not None
            url = await stack.enter_async_context(_database(postgres))
        cluster = None
        if scenario.cluster is not None:
            services = running_cluster(scenario.cluster, scenario.nodes)
            cluster = await stack.enter_async_context(services)
        servers = []
        for node in range(scenario.nodes):
            shared = SETTINGS if cluster is None else cluster.settings(node)
            settings = {**shared, **scenario.settings, "DATABASE_URL": url}
            if node == 0:
                await _seed(folder, settings)
            servers.append(await stack.enter_async_context(running(folder, settings)))
        number = size.crowd if scenario.has_crowd else 0
        urls = [server.url for server in servers]
        crowd = await stack.enter_async_context(crowd_of(number, urls))
        dice = random.Random(f"{seed} faults")
        stage = Stage(servers, progress, dice, file, postgres, cluster, crowd, notes)
        storage = Storage(url)
        original = None
        if scenario.has_nest:
            assert cluster is not None
            original = await stack.enter_async_context(nest_backend(url, cluster, notes))
        elif scenario.uses_postgres:
            original = await stack.enter_async_context(silent_backend(url))
        async with _connected(servers, notes, seed) as devices:
            pause_seconds = scenario.fault_seconds * size.faults * len(MEMBERSHIPS) / size.messages
            people = _people(devices, notes, progress, seed, scenario.doubled, pause_seconds)
            await _chat(scenario, size, seed, stage, storage, original, notes, people)
            stored = await _quiet(devices, storage, by_fetching=not notes.is_live)
            for user, person in people.items():
                notes.counts[user] = await person.offline_counts()
        notes.memory_mb = max(map(_peak_mb, servers))
        notes.server_log = "".join(server.out + server.err for server in servers)
    return Outcome(
        scenario.name,
        seed,
        notes,
        unavailable=progress.unavailable,
        faults=size.faults,
        seconds=time.monotonic() - began_at,
        violations=violations(notes, stored),
    )


async def _chat(
    scenario: Scenario,
    size: Size,
    seed: int,
    stage: Stage,
    storage: Storage,
    original: OriginalBackend | None,
    notes: Notes,
    people: Mapping[str, Person],
) -> None:
    """Run the participants until all messages are sent and all faults have occurred."""
    async with asyncio.TaskGroup() as tasks:
        for number, person in enumerate(people.values()):
            share = len(range(number, size.messages, len(people)))
            tasks.create_task(person.send_all(share))
        tasks.create_task(_inject(stage, scenario.faults, size.faults))
        tasks.create_task(come_and_go(size.absences, stage.servers, storage, notes, stage.progress))
        if original is not None:
            dice = random.Random(f"{seed} original")
            stored = store_all(size.by_original, original, notes, stage.progress, dice)
            tasks.create_task(stored)


@asynccontextmanager
async def _database(postgres: PostgresServer) -> AsyncIterator[str]:
    """Create an empty database, and yield its address."""
    await asyncio.to_thread(postgres.create_database, _DATABASE)
    try:
        yield postgres.url(_DATABASE)
    finally:
        await asyncio.to_thread(postgres.drop_database, _DATABASE)


async def _seed(folder: Path, settings: Mapping[str, str]) -> None:
    """Create the tables and the memberships once. A server with a seed would add the guest again.

    Workers that a server starts again have the settings of its start.
    """
    seed = write_seed(folder / "seed.json")
    for command in (("migrate",), ("seed", str(seed))):
        done = await run_command(folder, settings, *command)
        assert done.code == 0, done.err


@asynccontextmanager
async def _connected(
    servers: Sequence[ServerProcess], notes: Notes, seed: int
) -> AsyncIterator[list[Device]]:
    """Connect all devices, spread over the servers, and run them in the background."""
    links = JsLinks()
    await links.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            background, devices = [], []
            for kind, node in zip(DEVICES, cycle(range(len(servers))), strict=False):
                server = servers[node]
                token = await _token(server, kind.user_id)
                link: JsLink | PythonLink
                if kind.is_javascript:
                    link = links.connect(server.url, token)
                else:
                    link = PythonLink(server.url, token)
                    background.append(tasks.create_task(link.run()))
                log = DeviceLog(kind.user_id, kind.name, node)
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


async def _token(server: ServerProcess, user_id: str) -> str:
    if "CLERK_JWKS_URL" in server.settings:
        return clerks_token(user_id)
    return await server.token(user_id, TOKEN_SECONDS)


def _people(
    devices: Sequence[Device],
    notes: Notes,
    progress: Progress,
    seed: int,
    doubled: float,
    pause_seconds: float,
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
            pause_seconds,
        )
        for user in MEMBERSHIPS
    }


async def _inject(stage: Stage, faults: tuple[Fault, ...], times: int) -> None:
    moments = sorted(stage.dice.uniform(_FIRST_FAULT, _LAST_FAULT) for _ in range(times))
    order = stage.dice.sample(faults, len(faults))
    for moment, fault in zip(moments, cycle(order), strict=False):
        await stage.progress.reaches(moment)
        await fault(stage)


async def _quiet(devices: Sequence[Device], storage: Storage, *, by_fetching: bool) -> Stored:
    """Wait until all devices have received and reported every message; return the stored rows."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_QUIET_SECONDS):
            while not _is_quiet(devices, await storage.everything()):
                for device in devices:
                    if by_fetching and not device.is_busy:
                        device.fetch_all()
                await asyncio.sleep(_QUIET_STEP_SECONDS)
    # Read again, because reports may have been stored since the last read.
    return await storage.everything()


def _peak_mb(server: ServerProcess) -> float:
    """Return the largest resident memory of a process of the server so far."""
    peaks = []
    for pid in (server.pid, *child_processes(server)):
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        peaks.append(int(kilobytes) / 1_024)
    return max(peaks)


def _is_quiet(devices: Sequence[Device], stored: Stored) -> bool:
    last = dict.fromkeys(CHANNELS, 0)
    for message in stored.messages:
        key = message.key
        if key.seq == 0:  # The original backend's message is not adopted yet.
            return False
        last[key.channel_id] = max(last[key.channel_id], key.seq)
    return all(
        device.has_all(channel, last[channel])
        for device in devices
        for channel in MEMBERSHIPS[device.log.user_id]
    ) and not any(device.is_busy for device in devices)
