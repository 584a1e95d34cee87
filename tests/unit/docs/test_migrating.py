"""Tests docs/migrating.md."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from inspect import signature
from types import ModuleType

import pytest

import app.framework
import app.framework.config
import app.framework.event_emitter
import app.framework.schedule
import app.framework.testing
import app.framework.throttler
from app.adapters.sql.schema.shared_tables import SHARED_TABLES
from app.adapters.sql.schema.tables import metadata
from app.framework.common import parse_pipes
from app.framework.common.context import ExecutionContext, HttpContext
from app.framework.common.metadata import Reflector
from app.framework.common.pipes import ValidationPipe
from app.framework.config import ConfigModule, ConfigService
from app.framework.core.application import NestApplication, NestFactory
from app.framework.core.http.body import DEFAULT_MAX_BODY_BYTES
from app.framework.core.http.controllers import controller
from app.framework.core.http.response import HttpResponse
from app.framework.core.injector import ModuleRef
from app.framework.event_emitter import EventEmitter2, EventEmitterModule, on_event
from app.framework.platform_socketio.engine_io import connection
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.io_adapter import IoAdapter, IoOptions
from app.framework.platform_socketio.json_codec import MAX_DEPTH
from app.framework.platform_socketio.socket_io.room_manager import MAX_AWAITED_ACKS
from app.framework.schedule import ScheduleModule, SchedulerRegistry, cron
from app.framework.testing import TestingModule, TestingModuleBuilder
from app.framework.testing.module import Override
from app.framework.throttler import ThrottlerGuard, ThrottlerModule, ThrottlerOptions
from app.framework.websockets.broadcast import BroadcastOperator
from app.framework.websockets.decorators import web_socket_gateway
from app.framework.websockets.server import Server
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.registry import Adapter, Engine, SocketMap
from tests.unit.docs.markdown import ROOT, blocks, bullets, codes, table
from tests.unit.docs.nest_names import NEST_NAMES

PAGE = ROOT / "docs" / "migrating.md"
HEADINGS = (
    "The document",
    "Gateways",
    "Enhancers",
    "Controllers",
    "Modules and life cycle",
    "Packages of Nest",
    "Tests",
)
ROWS = [row for heading in HEADINGS for row in table(PAGE, heading)]
NAMES = [
    pytest.param(name, codes(row[2])[0], id=f"{name} in {codes(row[2])[0]}")
    for row in ROWS
    for name in codes(row[1])
]
PUBLIC_NAMES = [
    *app.framework.__all__,
    *app.framework.config.__all__,
    *app.framework.event_emitter.__all__,
    *app.framework.schedule.__all__,
    *app.framework.testing.__all__,
    *app.framework.throttler.__all__,
]
DIFFERENCES = "Deliberate differences from Nest"
"""The heading above the table of `ValidationPipe`'s options."""


@dataclass(frozen=True)
class Area:
    """The names of one list of "Not supported", and the code that must not have them.

    Attributes:
        tables: The headings of the tables that list the supported names.
        code: Classes, functions (for their parameters) and modules (for ``__all__``).
        only: If not empty, only the rows that name one of these classes or functions count.
    """

    heading: str
    tables: tuple[str, ...]
    code: tuple[type | Callable[..., object] | ModuleType, ...]
    only: tuple[str, ...] = ()

    def unsupported(self) -> set[str]:
        """Return the names before the colon of each entry of the list."""
        heads = [entry.partition(": ")[0] for entry in bullets(PAGE, self.heading)]
        names = {name for head in heads for name in codes(head)}
        return {name if "/" in name else name.removeprefix("@") for name in names}

    def supported(self) -> set[str]:
        """Return the names in the first column of the tables, and classes of the second one."""
        rows = [row for heading in self.tables for row in table(PAGE, heading)]
        if self.only:
            rows = [row for row in rows if {*self.only} & set(re.findall(r"\w+", row[1]))]
        nest = [
            re.sub(r"^(server|namespace|client|io)\.", "", each)
            for row in rows
            for each in codes(row[0])
        ]
        same = [each for row in rows for each in codes(row[1]) if "." not in each]
        return {name for each in (*nest, *same) for name in re.findall(r"\w+", each)}

    def python_names(self) -> set[str]:
        return {name for each in self.code for name in names_in(each)}


AREAS = (
    Area("Transports and packages", (), (app.framework,)),
    Area(
        "Application and providers",
        ("Enhancers", "Controllers", "Modules and life cycle"),
        (NestApplication, NestFactory, ModuleRef, Reflector, ExecutionContext, app.framework),
    ),
    Area(
        "Adapter and options",
        ("Gateways",),
        (IoAdapter, IoOptions, EngineOptions, web_socket_gateway),
        only=("IoAdapter", "IoOptions", "EngineOptions", "AllowRequest", "web_socket_gateway"),
    ),
    Area("Sockets", ("Gateways",), (Socket, Handshake), only=("Socket", "Handshake")),
    Area(
        "Servers",
        ("Gateways",),
        (Server, BroadcastOperator, app.framework),
        only=("Server", "BroadcastOperator", "RemoteSocket"),
    ),
    Area("Routes", ("Controllers",), (controller, HttpResponse, HttpContext, app.framework)),
    Area(
        "Pipes",
        ("Enhancers", DIFFERENCES),
        (ValidationPipe.__init__, parse_pipes.ParseIntPipe.__init__, app.framework),
    ),
    Area(
        "Settings",
        ("Packages of Nest",),
        (ConfigModule.for_root, ConfigService, app.framework.config),
        only=("ConfigModule", "ConfigService"),
    ),
    Area(
        "Event emitter",
        ("Packages of Nest",),
        (EventEmitterModule.for_root, EventEmitter2, on_event, app.framework.event_emitter),
        only=("EventEmitterModule", "EventEmitter2", "on_event"),
    ),
    Area(
        "Scheduler",
        ("Packages of Nest",),
        (ScheduleModule, ScheduleModule.for_root, SchedulerRegistry, cron, app.framework.schedule),
        only=("ScheduleModule", "SchedulerRegistry", "cron", "CronExpression"),
    ),
    Area(
        "Throttler guard",
        ("Packages of Nest",),
        (ThrottlerModule.for_root, ThrottlerGuard, ThrottlerOptions, app.framework.throttler),
        only=tuple(app.framework.throttler.__all__),
    ),
    Area(
        "Testing module",
        ("Tests",),
        (TestingModuleBuilder, TestingModule, Override, app.framework.testing),
    ),
)
PARTS: dict[str, type] = {"sockets": SocketMap, "adapter": Adapter, "engine": Engine}
"""Maps the first part of a name such as ``adapter.on``, an attribute of `Server`, to its class."""

LIMITS = {
    **{f"EngineOptions.{each.name}": each.default for each in fields(EngineOptions)},
    "DEFAULT_MAX_BODY_BYTES": DEFAULT_MAX_BODY_BYTES,
    "INBOX_MAX_CHARS": connection.INBOX_MAX_CHARS,
    "INBOX_MAX_JOBS": connection.INBOX_MAX_JOBS,
    "MAX_AWAITED_ACKS": MAX_AWAITED_ACKS,
    "MAX_BACKGROUND_TASKS": connection.MAX_BACKGROUND_TASKS,
    "MAX_DEPTH": MAX_DEPTH,
}


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_python_name_is_where_the_table_says(name: str, path: str) -> None:
    """Every name in the second column is in the file that the third column names."""
    assert (ROOT / path).is_file()
    found: object = import_module(path.removesuffix(".py").replace("/", "."))

    for part in name.split("."):
        found = getattr(found, part, None)

    assert found is not None


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_public_name_of_the_framework_is_on_the_page(name: str) -> None:
    listed = {listed.split(".")[0] for row in ROWS for listed in codes(row[1])}

    assert name in listed


def test_prismas_configuration_names_the_tables_that_are_ours() -> None:
    (code,) = [block.code for block in blocks(PAGE, "ts") if "external: [" in block.code]

    ours = {f"public.{name}" for name in (*metadata.tables, "alembic_version")}
    shared = {f"public.{name}" for name in SHARED_TABLES}
    assert sorted(ours - shared) == re.findall(r"'(public\.\w+)'", code)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.heading)
def test_list_has_the_names_of_nest_that_no_table_has(area: Area) -> None:
    """A name of Nest that the framework gets moves from the list into a table."""
    assert NEST_NAMES[area.heading] - area.supported() == area.unsupported()


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.heading)
def test_code_has_no_name_that_the_page_calls_unsupported(area: Area) -> None:
    names = area.python_names()

    assert [] == [name for name in area.unsupported() if forms_of(name) & names]
    assert [] == [
        name
        for name in area.unsupported()
        for owner, _, member in [name.partition(".")]
        if owner in PARTS and forms_of(member) & names_in(PARTS[owner])
    ]


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.heading)
def test_entry_has_at_most_two_lines(area: Area) -> None:
    assert [] == [each for each in bullets(PAGE, area.heading) if each.count("\n") > 1]


def test_every_list_is_compared() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition("\n## Not supported\n")[2], flags=re.MULTILINE)[0]

    headings = re.findall(r"^### (.+)", section, flags=re.MULTILINE)
    assert headings == [area.heading for area in AREAS] == [*NEST_NAMES]


@pytest.mark.parametrize(
    ("name", "value"),
    [(codes(row[3])[0], row[1]) for row in table(PAGE, "Limits") if codes(row[3])],
)
def test_limit_is_that_of_the_code(name: str, value: str) -> None:
    assert f"{LIMITS[name]:,.15g}" == value


def names_in(code: type | Callable[..., object] | ModuleType) -> set[str]:
    if isinstance(code, ModuleType):
        return {*code.__all__}
    names = dir(code) if isinstance(code, type) else signature(code).parameters
    return {name for name in names if not name.startswith("_")}


def forms_of(name: str) -> set[str]:
    """Return the forms that a name of Nest could have in Python, such as ``in_`` for ``in``."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return {name, snake, f"{snake}_"}
