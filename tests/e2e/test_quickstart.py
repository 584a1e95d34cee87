"""Follows docs/quickstart.md with a running server, like a reader."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from types import ModuleType

import pytest_asyncio

from tests.copied_checkout import CHECKOUT
from tests.deadlines import PROCESS_SECONDS
from tests.e2e.js_client import JS_FOLDER
from tests.e2e.server_process import Serve, ServerProcess
from tests.unit.docs.markdown import Block, blocks
from tests.unit.docs.python_block import run_block

PAGE = CHECKOUT / "docs" / "quickstart.md"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(serve: Serve) -> ServerProcess:
    """A server with demo users, as `make run` starts it."""
    return await serve(SEED_FILE="")


def adapted(block: Block, server: ServerProcess) -> str:
    """Replace the page's addresses and paths with those of the test."""
    return (
        block.code.replace("http://127.0.0.1:3002", server.url)
        .replace(".venv/bin/python", sys.executable)
        .replace("app/web/node_modules", str(JS_FOLDER / "node_modules"))
    )


async def terminal(block: Block, server: ServerProcess) -> Process:
    """Start a shell that runs the block."""
    return await asyncio.create_subprocess_exec(
        *("/bin/sh", "-ec", "exec 2>&1\n" + adapted(block, server)),
        cwd=server.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), **server.settings},
        stdout=PIPE,
        start_new_session=True,
    )


async def output(block: Block, server: ServerProcess) -> str:
    """Run a block until it exits, and return its output."""
    process = await terminal(block, server)
    async with asyncio.timeout(PROCESS_SECONDS):
        out, _ = await process.communicate()
    assert 0 == process.returncode, out.decode()
    return out.decode()


async def until(process: Process, text: str) -> None:
    """Wait until the process has printed the text."""
    assert process.stdout is not None
    shown = ""
    async with asyncio.timeout(PROCESS_SECONDS):
        async for line in process.stdout:
            shown += line.decode()
            if text in shown:
                return
    raise AssertionError(shown)


async def test_page_is_right_when_it_is_followed(server: ServerProcess) -> None:
    """A reader gets a token, listens, and sends messages from a terminal and from Python."""
    run, token, listen, send = blocks(PAGE, "sh")
    (python,) = blocks(PAGE, "python")
    bob = await terminal(listen, server)
    try:
        await until(bob, "connected")

        printed = await output(token, server)
        answer = await output(send, server)
        await until(bob, "Hello from Node")
        module = ModuleType("quickstart")
        code = adapted(python, server)
        await run_block(Block("python", code, python.line, None), module, PAGE.name)
        await until(bob, "Hello from Python")
    finally:
        os.killpg(bob.pid, signal.SIGINT)
        await bob.communicate()

    assert "make run\n" == run.code
    assert 3 == len(printed.split("."))
    assert "deliveryStatus: 'SENT'" in answer
    assert "SENT" == vars(module)["answer"]["data"]["deliveryStatus"]
