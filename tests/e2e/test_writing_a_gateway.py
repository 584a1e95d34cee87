"""Follows docs/writing-a-gateway.md in a copy of the checkout, and then writes more gateways there.

All tests share the copy, because mypy takes half a minute for a new one.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.starter.gateway_starter import MODULE_FILE
from tests.copied_checkout import CHECKOUT, copy_checkout
from tests.e2e.js_client import JS_FOLDER, JsDriver
from tests.e2e.server_process import running
from tests.run_program import run_program
from tests.unit.docs.markdown import Block, all_blocks

PAGE = CHECKOUT / "docs" / "writing-a-gateway.md"
BIN = Path(sys.executable).parent
MAKE_CHECK = (("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",), ("mypy",))
OWN_GATEWAY = re.compile(
    r"from app\.gateways\.(?!ws_gateway)(?P<imported>\w+)_gateway import"
    r"|    (?!ws_gateway)\w+_gateway = providers\.Singleton\(\w+\)$"
)
NAMES = ("poll-votes", "alarm")
"""Two names whose imports are sorted differently."""
SHOWN = frozenset({"text", "js"})
"""The languages of blocks that the test skips, because a reader does not run them."""


def run(folder: Path, *command: str, stdin: str = "") -> None:
    """Run a command in the copy, and check that it succeeds."""
    finished = run_program(command, folder, stdin=stdin)
    assert 0 == finished.returncode, finished.stdout + finished.stderr


def run_line(folder: Path, line: str) -> None:
    """Run a line of a shell block. `make` targets run without their installation steps."""
    match shlex.split(line, comments=True):
        case []:
            pass
        case ["make", "check"]:
            for program, *arguments in MAKE_CHECK:
                run(folder, str(BIN / program), *arguments)
        case ["make", "test", *arguments]:
            paths = [each.removeprefix("ARGS=") for each in arguments]
            run(folder, sys.executable, "-m", "pytest", "-q", *paths)
        case ["mkdir", *names]:
            for name in names:
                (folder / name).mkdir()
        case [".venv/bin/python", *arguments]:
            run(folder, sys.executable, *arguments)
        case _:
            pytest.fail(f"the test cannot run this line: {line}")


def at_once(code: str) -> str:
    """Join the consecutive `make test` lines of a shell block into one line."""
    return code.replace("\nmake test", "")


def follow(folder: Path, block: Block) -> None:
    """Execute a block of the page, or write the file that it shows."""
    match block.language:
        case "python":
            assert block.file, f"the block in line {block.line} names no file"
            (folder / block.file).write_text(block.code)
        case "diff":
            run(folder, "git", "apply", "-", stdin=block.code)
        case "sh":
            for line in at_once(block.code).splitlines():
                run_line(folder, line)
        case language:
            assert language in SHOWN


def remove_own_gateways(folder: Path) -> None:
    """Remove gateways that the starter has added: the page assumes a checkout without them."""
    module, kept = folder / MODULE_FILE, []
    for line in module.read_text().splitlines(keepends=True):
        own = OWN_GATEWAY.match(line)
        if own is None:
            kept.append(line)
        elif name := own["imported"]:
            for path in (
                Path("app", "gateways", f"{name}_gateway.py"),
                Path("app", "gateways", "dto", f"{name}_dto.py"),
                Path("tests", "unit", "gateways", f"test_{name}_gateway.py"),
            ):
                (folder / path).unlink(missing_ok=True)
    module.write_text("".join(kept))


def new_gateway(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run the starter in a copy of the checkout."""
    return run_program([sys.executable, "-m", "app", "new", "gateway", name], folder)


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, with a gateway that was written as the guide says."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    remove_own_gateways(folder)
    # Test the removal even if the checkout had no gateways of its own.
    run(folder, sys.executable, "-m", "app", "new", "gateway", "announce")
    remove_own_gateways(folder)
    (folder / JS_FOLDER.relative_to(CHECKOUT) / "node_modules").symlink_to(
        JS_FOLDER / "node_modules"
    )
    for block in all_blocks(PAGE):
        follow(folder, block)
    return folder


@pytest.fixture(scope="module")
def checkout(guided: Path) -> Path:
    """The copy of the checkout with two more gateways."""
    for name in NAMES:
        written = new_gateway(guided, name)
        assert (0, "") == (written.returncode, written.stderr)
    return guided


def test_guide_ends_in_a_gateway_that_passes_everything_when_it_is_followed(guided: Path) -> None:
    """The guide leads from the starter's command to `make check`, and includes a real client."""
    assert (guided / "tests" / "e2e" / "test_polls.py").exists()


@pytest.mark.parametrize(
    "command",
    MAKE_CHECK,
    ids=" ".join,
)
def test_make_check_passes_when_gateways_were_written(
    checkout: Path, command: tuple[str, ...]
) -> None:
    """Each step of `make check` passes on the whole tree."""
    checked = run_program([BIN / command[0], *command[1:]], checkout)

    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_unit_tests_pass_when_gateways_were_written(checkout: Path) -> None:
    """The suite includes the new gateways' own tests, and tests that check every event or file."""
    folders = [f"tests/unit/{name}" for name in ("cli/starter", "docs/test_protocol.py", "modules")]
    own = [f"tests/unit/gateways/test_{name}_gateway.py" for name in ("poll_votes", "alarm")]

    tested = run_program([sys.executable, "-m", "pytest", "-q", *folders, *own], checkout)

    assert 0 == tested.returncode, tested.stdout


async def test_new_gateway_answers_a_client_when_the_server_runs(
    checkout: Path, driver: JsDriver
) -> None:
    """The client reaches the new gateway through the same connection as the chat."""
    async with running(checkout, {}, is_forked=False) as server:
        token = await server.token("user_alice")
        alice = driver.connect(server.url, "user_alice", {"token": token})
        await alice.sees("connect")

        answer = await alice.ask("pollVotes", {"text": " hello "})
        refusal = await alice.ask("alarm", {"text": ""})
        alice.disconnect()

    assert {"data": "user_alice: hello"} == answer
    assert ("invalid_payload", "text") == (refusal["code"], refusal["fields"][0]["path"])


def test_new_gateway_is_refused_when_the_name_is_not_free(checkout: Path) -> None:
    """No file is written."""
    before = sorted(checkout.rglob("*.py"))

    refused = new_gateway(checkout, "typing")

    assert (1, "WsGateway.start_typing handles 'typing' already; choose another name.\n") == (
        refused.returncode,
        refused.stderr,
    )
    assert before == sorted(checkout.rglob("*.py"))


def test_new_gateway_says_what_to_add_when_the_module_was_rewritten(tmp_path: Path) -> None:
    """The exit code is 1, because the user must still edit the module."""
    folder = copy_checkout(tmp_path)
    module = folder / "app" / "modules" / "chat_module.py"
    module.write_text(module.read_text().replace("ChatModule", "TalkModule"))
    for name in ("__init__", "app_module"):
        other = module.with_name(f"{name}.py")
        other.write_text(other.read_text().replace("ChatModule", "TalkModule"))

    written = new_gateway(folder, "poll")

    assert 1 == written.returncode
    assert "add these lines to a module yourself:" in written.stderr
    assert "  poll_gateway = providers.Singleton(PollGateway)\n" in written.stderr
    assert (folder / "app" / "gateways" / "poll_gateway.py").exists()
