from datetime import UTC, datetime
from pathlib import Path

from app.domain.credential import token_digest
from tests.e2e.chat_groups import Chat
from tests.e2e.server_process import run_command
from tests.unit.adapters.clerk import signed_tokens


async def test_sockets_are_closed_when_their_token_is_revoked(chat: Chat) -> None:
    """The command runs in another process, and closes only the sockets with this token."""
    token = {"token": await chat.token("alice")}
    phone, laptop = chat.connecting("alice", token), chat.connecting("alice", token)
    other, bob = await chat.client("alice"), await chat.client("bob")
    await phone.sees("connect")
    await laptop.sees("connect")

    finished = await chat.server.command("revoke", "--token", token["token"])
    errors = [await client.sees("error") for client in (phone, laptop)]
    reasons = [await client.sees("disconnect") for client in (phone, laptop)]

    assert (0, "") == (finished.code, finished.err)
    assert [("authentication revoked", "revoked")] * 2 == [
        (error["message"], error["code"]) for error in errors
    ]
    assert ["io server disconnect"] * 2 == reasons
    assert not await other.has_seen("error")
    assert not await bob.has_seen("error")


async def test_client_is_refused_when_its_token_was_revoked(chat: Chat) -> None:
    token = await chat.token("alice")
    await chat.server.command("revoke", "--token", "-", stdin=f"{token}\n")

    error = await chat.refusal({"token": token})

    assert ("authentication revoked", "revoked") == (error["message"], error["code"])


async def test_revoke_says_what_was_revoked_when_it_was(tmp_path: Path) -> None:
    """The command prints the token's digest, and the time at which the revocation ends."""
    token = signed_tokens.token({"exp": int(datetime(2099, 12, 31, tzinfo=UTC).timestamp())})
    await run_command(tmp_path, {}, "migrate")

    finished = await run_command(tmp_path, {}, "revoke", "--token", f"Bearer {token}\n")

    expected = (
        "Revoked until 2099-12-31 00:00:05 UTC: "
        f"the token whose SHA-256 begins with {token_digest(token)[:8]}.\n"
    )
    assert (0, expected, "") == (finished.code, finished.out, finished.err)


async def test_revoke_refuses_when_that_is_no_session_token(tmp_path: Path) -> None:
    await run_command(tmp_path, {}, "migrate")

    finished = await run_command(tmp_path, {}, "revoke", "--token", "foo")

    expected = (
        "This is not a session token, so nothing was revoked; "
        "give it as clients send it: three parts separated by dots.\n"
    )
    assert (1, "", expected) == (finished.code, finished.out, finished.err)


async def test_revoke_refuses_when_there_is_no_database_of_a_server(tmp_path: Path) -> None:
    """The error has one line, and names the missing file."""
    finished = await run_command(tmp_path, {}, "revoke", "--user", "user_alice")

    assert (1, "") == (finished.code, finished.out)
    assert finished.err.startswith("There is no database .data/chat.db, so nothing was revoked;")
    assert 1 == len(finished.err.splitlines())
