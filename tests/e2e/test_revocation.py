import asyncio

from tests.e2e.chat import Chat

NOTICED_SECONDS = 3.0


async def test_sockets_are_closed_when_their_token_is_revoked(chat: Chat) -> None:
    """By the command, in another process: all with that token, and no others, told why."""
    token = {"token": await chat.token("alice")}
    phone, laptop = chat.connecting("alice", token), chat.connecting("alice", token)
    other, bob = await chat.client("alice"), await chat.client("bob")
    await phone.sees("connect")
    await laptop.sees("connect")

    finished = await chat.server.command("revoke", "--token", token["token"])
    async with asyncio.timeout(NOTICED_SECONDS):
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
    """At once, by what the database says."""
    token = await chat.token("alice")
    await chat.server.command("revoke", "--token", "-", stdin=f"{token}\n")

    error = await chat.refusal({"token": token})

    assert ("authentication revoked", "revoked") == (error["message"], error["code"])
