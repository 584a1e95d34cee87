"""Installs the framework's wheel into an empty environment, and uses it like another team."""

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from library.build import NAME, build
from tests.copied_checkout import CHECKOUT
from tests.deadlines import ANSWER_SECONDS, PROCESS_SECONDS
from tests.e2e.empty_environment import create_environment
from tests.e2e.js_client import JsDriver
from tests.free_port import free_port
from tests.run_program import run_program
from tests.unit.docs.markdown import blocks

PAGE = CHECKOUT / "docs" / "framework.md"
KINDS = (
    *("controller", "dto", "filter", "gateway", "guard", "interceptor", "module", "pipe"),
    "service",
)
START = f"from {NAME}.cli.command_line import main"
CORE = """
from pkgutil import walk_packages
import NAME
extras = tuple(f"NAME.{name}" for name in
    ("config", "event_emitter", "redis_adapter", "schedule"))
for each in walk_packages(NAME.__path__, "NAME."):
    if not each.name.startswith(extras):
        __import__(each.name)
""".replace("NAME", NAME)
"""Imports every module that needs no extra."""
IMPORTS = "\n".join(f"from app.poll_votes.poll_votes_{kind} import *" for kind in KINDS)
ALL_PARTS = f"""
import asyncio
from dependency_injector import containers, providers
from {NAME} import NestFactory, use_filters, use_guards, use_interceptors, use_pipes
{IMPORTS}

@use_guards(PollVotesGuard)
@use_pipes(PollVotesPipe)
@use_interceptors(PollVotesInterceptor)
@use_filters(PollVotesFilter)
class Gateway(PollVotesGateway): ...

class Module(containers.DeclarativeContainer):
    guard = providers.Singleton(PollVotesGuard)
    pipe = providers.Singleton(PollVotesPipe)
    interceptor = providers.Singleton(PollVotesInterceptor)
    filter = providers.Singleton(PollVotesFilter)
    gateway = providers.Singleton(Gateway)
    controller = providers.Singleton(PollVotesController)
    service = providers.Singleton(PollVotesService)
    module = providers.Container(PollVotesModule)

async def boot():
    app = NestFactory.create(Module)
    await app.init()
    await app.close()

asyncio.run(boot())
PollVotesDto(text="a text")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project with an ``app`` package of its own, and the wheel installed in ``.venv``."""
    folder = tmp_path_factory.mktemp("library")
    build(folder, "--wheel")
    (wheel,) = folder.glob("*.whl")
    tools = create_environment(
        folder / "environment", wheel, "pytest", "pytest-asyncio", "pydantic-settings"
    )
    project = folder / "greeter"
    created = run_program([tools / NAME, "new", "project", project], folder)
    assert 0 == created.returncode, created.stdout + created.stderr
    (project / ".venv").symlink_to(folder / "environment")
    (project / ".venv" / ".installed").touch()
    return project


def run(project: Path, *command: str | Path) -> str:
    """Run a command in the project, check that it succeeds, and return its output."""
    finished = run_program(command, project)
    assert 0 == finished.returncode, finished.stdout + finished.stderr
    return finished.stdout


@pytest_asyncio.fixture(loop_scope="session")
async def url(project: Path) -> AsyncIterator[str]:
    """The URL of ``make run``, which Ctrl-C stops at the end."""
    make = shutil.which("make")
    assert make
    server = await asyncio.create_subprocess_exec(
        make, "run", f"PORT={free_port()}", cwd=project, stdout=PIPE, process_group=0
    )
    assert server.stdout
    try:
        async with asyncio.timeout(PROCESS_SECONDS):
            async for line in server.stdout:
                if line.startswith(b"Listening on "):
                    break
        yield line.decode().split()[-1]
    finally:
        os.killpg(server.pid, signal.SIGINT)  # Ctrl-C reaches make and the server.
        async with asyncio.timeout(ANSWER_SECONDS):
            await server.communicate()  # Wait until both have ended.


def test_make_test_passes_in_a_new_project(project: Path) -> None:
    """The project's tests start a server and connect a client."""
    assert "4 passed" in run(project, "make", "test")


async def test_javascript_client_uses_the_new_project(url: str, driver: JsDriver) -> None:
    """Tests the gateway, the guard and the DTO with the client, and the controller over HTTP."""
    ada, nameless = driver.connect(url, "ada", {"name": "Ada"}), driver.connect(url, "x", {})
    await ada.sees("connect")

    answer = await ada.ask("greet", {"text": " hello "})
    greeted = await ada.sees("greeted")
    rejected = await ada.ask("greet", {"text": ""})
    refusal = await nameless.sees("exception")
    ada.disconnect()
    async with ClientSession() as http, http.get(f"{url}/greetings/count") as response:
        counted = await response.json()

    assert ("Ada: hello", "Ada: hello") == (answer, greeted)
    assert "text" == rejected["fields"][0]["path"]
    assert "Forbidden resource" == refusal["message"]
    assert {"count": 1} == counted


def test_every_module_imports_without_extras(project: Path) -> None:
    run(project, ".venv/bin/python", "-c", CORE)


def test_events_are_listed(project: Path) -> None:
    (row,) = json.loads(run(project, f".venv/bin/{NAME}", "events", "--json"))

    assert ("greet", "NameGuard", "{text}") == (row["event"], row["guards"], row["payload"])


def test_page_for_other_teams_runs(project: Path) -> None:
    """The Python blocks run as one program, and the commands succeed."""
    folder = project.with_name("page")
    shutil.copytree(project, folder, symlinks=True)
    program = "\n".join(block.code for block in blocks(PAGE, "python"))
    commands = [
        line.split()[1:] for block in blocks(PAGE, "sh") for line in block.code.splitlines()
    ]

    run(folder, ".venv/bin/python", "-c", program)
    run(
        folder, ".venv/bin/python", "-c", f"{START}\nfor each in {commands}: assert main(each) == 0"
    )

    assert (folder / "app" / "admin" / "admin_guard.py").exists()


@pytest.fixture
def parts(project: Path) -> Path:
    """A copy of the project with a part of each kind."""
    folder = project.with_name("parts")
    shutil.copytree(project, folder, symlinks=True)
    run(
        folder,
        ".venv/bin/python",
        "-c",
        f"{START}\nfor kind in {KINDS}: main(['new', kind, 'poll-votes'])",
    )
    return folder


def test_new_parts_work_together(parts: Path) -> None:
    """An application with all parts starts, and ruff finds no fault in the whole project."""
    run(parts, ".venv/bin/python", "-c", ALL_PARTS)
    run(parts, sys.executable, "-m", "ruff", "check", "--isolated", ".")
