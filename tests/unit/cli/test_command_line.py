import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import __version__
from app.cli.command_line import cli
from app.config.settings import Settings
from app.domain.events import ClientEvent

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use the default settings, and a temporary folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def call(*arguments: str) -> Result:
    """Run ``python -m app ARGUMENTS`` in this process."""
    return CliRunner().invoke(cli, arguments)


def test_version_is_printed_when_asked_for() -> None:
    finished = call("--version")

    assert (0, f"ChatGenius Realtime {__version__}\n") == (finished.exit_code, finished.stdout)


def test_events_are_a_json_array_when_asked_for() -> None:
    finished = call("events", "--json")

    rows = json.loads(finished.stdout)
    assert set(ClientEvent) == {row["event"] for row in rows}
    assert {"event", "handler", "guards", "payload", "ack"} == rows[0].keys()


@pytest.mark.parametrize("ttl", ["-5", "0", "x"])
def test_token_is_refused_when_its_ttl_is_not_positive(ttl: str) -> None:
    finished = call("token", "user_alice", "--ttl", ttl)

    assert (2, "") == (finished.exit_code, finished.stdout)
    assert "--ttl" in finished.stderr


def test_token_is_refused_when_it_would_last_longer_than_servers_accept() -> None:
    finished = call("token", "user_alice", "--ttl", "604801")

    assert (1, "") == (finished.exit_code, finished.stdout)
    assert "AUTH_MAX_TOKEN_SECONDS, 604800 here" in finished.stderr


def test_migrate_says_what_it_did() -> None:
    first, second = (call("migrate").stdout.splitlines() for _ in range(2))

    assert [True] * len(first) == [line.startswith("Applied migration 00") for line in first]
    assert ["The database is up to date; nothing was changed."] == second


def test_help_names_no_other_program_than_the_one_that_was_started() -> None:
    assert "python -m app" not in call("--help").stdout


@pytest.mark.parametrize("command", ["migrate", "doctor", "events", "token user_alice"])
def test_command_warns_when_a_setting_is_misspelt(command: str) -> None:
    """Without the warning, the command would silently use a default, such as another database."""
    Path(".env").write_text("DATABSE_URL=memory:\n")

    assert (
        "DATABSE_URL is not a setting; did you mean DATABASE_URL?" in call(*command.split()).stderr
    )


@pytest.mark.parametrize("command", ["events", "new gateway poll"])
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"DATABASE_URL": "mysql://127.0.0.1/chat"}, "DATABASE_URL must start with"),
        ({"DATABASE_URL": "postgresql://127.0.0.1/chat?sslmode=on"}, "DATABASE_URL's sslmode"),
        (
            {"CLERK_JWT_KEY": "no key", "CLERK_ISSUER": "https://clerk.example"},
            "CLERK_JWT_KEY is not a public key",
        ),
        ({"REDIS_URL": "redis://127.0.0.1:port"}, "REDIS_URL must be"),
    ],
)
def test_command_prints_a_sentence_when_the_application_cannot_be_built(
    monkeypatch: pytest.MonkeyPatch, command: str, settings: dict[str, str], problem: str
) -> None:
    """The commands print one line to stderr instead of a traceback, and nothing to stdout."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    finished = call(*command.split())

    assert (1, "", 1) == (finished.exit_code, finished.stdout, len(finished.stderr.splitlines()))
    assert finished.stderr.startswith(problem)
