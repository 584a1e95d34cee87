"""Tests that files written by `python -m app new gateway` pass all checks and work unchanged."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.copied_checkout import copy_checkout
from tests.e2e.js_client import JsDriver
from tests.e2e.server_process import running
from tests.run_program import run_program

BIN = Path(sys.executable).parent
NAMES = ("poll-votes", "alarm")
"""Two names whose imports are sorted differently."""


def new_gateway(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run the starter in a copy of the checkout."""
    return run_program([sys.executable, "-m", "app", "new", "gateway", name], folder)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with new gateways."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    for name in NAMES:
        written = new_gateway(folder, name)
        assert (0, "") == (written.returncode, written.stderr)
    return folder


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports",), ("mypy",)],
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
    folders = [f"tests/unit/{name}" for name in ("cli/starter", "docs", "gateways", "modules")]

    tested = run_program([sys.executable, "-m", "pytest", "-q", *folders], checkout)

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
