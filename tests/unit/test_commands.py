from pathlib import Path

import pytest

from app.adapters.sql.database import Database
from app.adapters.sql.sql_token_blacklist import SqlTokenBlacklist
from app.adapters.system.system_clock import SystemClock
from app.commands import revoke_token, seed_database
from app.config import Settings
from app.main import StartError
from app.ports.token_blacklist import token_digest
from tests.unit.adapters.clerk import signed_tokens

TOKEN = signed_tokens.token()


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


@pytest.mark.parametrize("spelling", ["{}", "Bearer {}", "bearer {}", " {}", "\tBearer  {}\r\n"])
async def test_token_is_revoked_when_it_is_spelt_as_it_was_copied(
    settings: Settings, spelling: str
) -> None:
    """What stands around it is not a part of it."""
    revoked = await revoke_token(settings, spelling.format(TOKEN))

    database = Database(settings.database_url, migrate=False)
    await database.on_module_init()
    stored = await SqlTokenBlacklist(database, SystemClock()).contains(TOKEN)
    await database.on_application_shutdown(None)
    assert stored
    assert token_digest(TOKEN) == revoked.digest


@pytest.mark.parametrize("text", ["", " ", "foo", "Bearer", "Bearer ", "a.b.c", f"{TOKEN}=="])
async def test_revoking_is_refused_when_that_is_no_session_token(
    settings: Settings, text: str
) -> None:
    """No such token is ever accepted; whoever gave it meant another one."""
    with pytest.raises(StartError, match=r"no session token, so nothing was revoked"):
        await revoke_token(settings, text)


async def test_revoking_is_refused_when_nothing_would_be_kept(in_memory: Settings) -> None:
    """The memory would be the command's own."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* nothing was revoked"):
        await revoke_token(in_memory, TOKEN)


async def test_seeding_is_refused_when_nothing_would_be_kept(
    in_memory: Settings, tmp_path: Path
) -> None:
    """Likewise; a server in memory has a setting for it."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* set SEED_FILE"):
        await seed_database(in_memory, tmp_path / "seed.json")
