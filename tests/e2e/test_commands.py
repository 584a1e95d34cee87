import json
from pathlib import Path

import jwt
import pytest

from app.domain.events import ClientEvent
from tests.e2e.chat_groups import Chat
from tests.e2e.server_process import run_command
from tests.unit.adapters.clerk.signed_tokens import SESSION_CLAIMS


async def test_token_prints_clerks_shape_when_asked_for_a_user(tmp_path: Path) -> None:
    """The token has every claim of a Clerk session token, and no server is needed."""
    finished = await run_command(tmp_path, {}, "token", "user_alice")

    claims = jwt.decode(finished.out.strip(), options={"verify_signature": False})
    assert (0, "") == (finished.code, finished.err)
    assert SESSION_CLAIMS.keys() == claims.keys()
    assert "user_alice" == claims["sub"]
    assert 60 == claims["exp"] - claims["iat"]


async def test_token_lives_as_long_as_asked_when_a_ttl_is_given(tmp_path: Path) -> None:
    finished = await run_command(tmp_path, {}, "token", "user_alice", "--ttl", "3600")

    claims = jwt.decode(finished.out.strip(), options={"verify_signature": False})
    assert 3600 == claims["exp"] - claims["iat"]


async def test_seed_lets_users_chat_when_the_server_runs_already(
    chat: Chat, tmp_path: Path
) -> None:
    """New memberships apply from the next connection. Seeding a second time changes nothing."""
    file = tmp_path / "seed.json"
    file.write_text(json.dumps({chat.user_id("dave"): [chat.general]}))

    finished = [await chat.server.command("seed", str(file)) for _ in range(2)]
    dave = await chat.client("dave")
    answer = await dave.ask("sendMessage", {"content": "hello", "channelId": chat.general})

    assert [0, 0] == [each.code for each in finished]
    assert "hello" == answer["data"]["content"]


async def test_seed_says_what_it_did_when_the_file_is_right(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text('{"user_a": ["one", "two"], "user_b": ["two"], "user_c": []}')

    finished = await run_command(tmp_path, {}, "seed", str(file))

    expected = (
        f"The database contains all of {file}: users 3, channels 2. "
        "A running server applies the change within seconds.\n"
    )
    assert (0, expected) == (finished.code, finished.out)


async def test_seed_says_what_is_wrong_when_the_file_is(tmp_path: Path) -> None:
    """The error has one line."""
    file = tmp_path / "seed.json"
    file.write_text("[]")

    finished = await run_command(tmp_path, {}, "seed", str(file))

    assert 1 == finished.code
    assert str(file) in finished.err
    assert 1 == len(finished.err.splitlines())


async def test_migrate_makes_the_database_when_there_is_none(tmp_path: Path) -> None:
    """The command creates the database in the data folder, and succeeds a second time."""
    finished = [await run_command(tmp_path, {}, "migrate") for _ in range(2)]

    assert [0, 0] == [each.code for each in finished]
    assert (tmp_path / ".data" / "chat.db").is_file()


async def test_migrate_says_so_when_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    """The error has one line."""
    finished = await run_command(tmp_path, {"DATABASE_URL": "memory:"}, "migrate")

    assert 1 == finished.code
    assert 1 == len(finished.err.splitlines())
    assert "memory:" in finished.err


async def test_events_prints_the_table_when_asked(tmp_path: Path) -> None:
    """The table has a row for each event."""
    finished = await run_command(tmp_path, {}, "events")

    heading, *rows = finished.out.splitlines()
    assert 0 == finished.code
    assert ["EVENT", "HANDLER", "GUARDS", "PAYLOAD", "ACK"] == heading.split()
    assert set(ClientEvent) <= {row.split()[0] for row in rows}
    assert "WsGateway.send_message" in rows[0]
    assert "{content, channelId, clientMessageId?}" in rows[0]


@pytest.mark.parametrize("command", ["run", "migrate", "events"])
async def test_command_names_the_setting_when_one_is_wrong(tmp_path: Path, command: str) -> None:
    """The error has one line for each wrong setting, without a traceback or the value."""
    settings = {"PORT": "70001", "AUTH_EXPIRY": "sometimes-secret"}

    finished = await run_command(tmp_path, settings, command)

    assert 1 == finished.code
    assert ["PORT", "AUTH_EXPIRY"] == [line.split()[0] for line in finished.err.splitlines()]
    assert "sometimes-secret" not in finished.err


async def test_run_reads_the_env_file_when_there_is_one(tmp_path: Path) -> None:
    """The server reads `.env` in the working directory."""
    (tmp_path / ".env").write_text("PORT=nonsense\n")

    finished = await run_command(tmp_path, {}, "run")

    assert 1 == finished.code
    assert finished.err.startswith("PORT must be")
