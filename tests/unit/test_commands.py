from pathlib import Path

import pytest

from app.adapters.sql.database import Database
from app.adapters.sql.sql_revocation_store import SqlRevocationStore
from app.adapters.system.system_clock import SystemClock
from app.commands import revoke_sessions, seed_database
from app.config import Settings
from app.domain.credential import Credential
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.domain.revocation import Revocation, RevocationKind
from app.main import StartError
from tests.unit.adapters.clerk import signed_tokens

TOKEN = signed_tokens.token()
CREDENTIAL = Credential.of(TOKEN, Principal(UserId("user_alice"), "sess_alice", None, 0.0))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The defaults, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)  # no .env is read
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings()


@pytest.fixture
def in_memory(settings: Settings) -> Settings:
    """The same, with nothing that is kept."""
    return settings.model_copy(update={"database_url": "memory:"})


async def is_revoked(settings: Settings) -> bool:
    """Whether a server on the same database would refuse the token."""
    database = Database(settings.database_url, migrate=False)
    await database.on_module_init()
    try:
        return await SqlRevocationStore(database, SystemClock()).contains(CREDENTIAL)
    finally:
        await database.on_application_shutdown(None)


@pytest.mark.parametrize("spelling", ["{}", "Bearer {}", "bearer {}", " {}", "\tBearer  {}\r\n"])
async def test_token_is_revoked_when_it_is_spelt_as_it_was_copied(
    settings: Settings, spelling: str
) -> None:
    """What stands around it is not a part of it."""
    revoked = await revoke_sessions(settings, RevocationKind.TOKEN, spelling.format(TOKEN))

    assert Revocation.of_token(TOKEN) == revoked.revocation
    assert await is_revoked(settings)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(RevocationKind.SESSION, "sess_alice"), (RevocationKind.USER, " user_alice\n")],
)
async def test_token_is_revoked_when_its_sign_in_or_its_user_is(
    settings: Settings, kind: RevocationKind, text: str
) -> None:
    """Without having the token at hand."""
    revoked = await revoke_sessions(settings, kind, text)

    assert (kind, text.strip()) == (revoked.revocation.kind, revoked.revocation.subject)
    assert await is_revoked(settings)


@pytest.mark.parametrize("text", ["", " ", "foo", "Bearer", "Bearer ", "a.b.c", f"{TOKEN}=="])
async def test_revoking_is_refused_when_that_is_no_session_token(
    settings: Settings, text: str
) -> None:
    """No such token is ever accepted; whoever gave it meant another one."""
    with pytest.raises(StartError, match=r"no session token, so nothing was revoked"):
        await revoke_sessions(settings, RevocationKind.TOKEN, text)


@pytest.mark.parametrize("kind", [RevocationKind.SESSION, RevocationKind.USER])
@pytest.mark.parametrize("text", ["", " ", "a\0", "a" * 192])
async def test_revoking_is_refused_when_nobody_can_be_called_so(
    settings: Settings, kind: RevocationKind, text: str
) -> None:
    """Most likely a variable of a script that is not set."""
    with pytest.raises(StartError, match=f"no {kind}'s id, so nothing was revoked"):
        await revoke_sessions(settings, kind, text)


@pytest.mark.parametrize("kind", RevocationKind)
async def test_revoking_is_refused_when_nothing_would_be_kept(
    in_memory: Settings, kind: RevocationKind
) -> None:
    """The memory would be the command's own."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* nothing was revoked"):
        await revoke_sessions(in_memory, kind, TOKEN)


async def test_seeding_is_refused_when_nothing_would_be_kept(
    in_memory: Settings, tmp_path: Path
) -> None:
    """Likewise; a server in memory has a setting for it."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* set SEED_FILE"):
        await seed_database(in_memory, tmp_path / "seed.json")
