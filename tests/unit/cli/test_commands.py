import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.adapters.sql.connection.database import Database
from app.adapters.sql.doctor.examine import Examination
from app.adapters.sql.revocation_store import SqlRevocationStore
from app.adapters.system.clock import SystemClock
from app.cli.commands import examine, migrate_database, revoke_sessions, seed_database
from app.config.settings import Settings
from app.domain.credential import Credential, Revocation, RevocationKind
from app.domain.ids import UserId
from app.domain.principal import Principal
from app.main import StartError
from tests.redis_server import RedisServer
from tests.unit.adapters.clerk import signed_tokens

TOKEN = signed_tokens.token()
CREDENTIAL = Credential.of(TOKEN, Principal(UserId("user_alice"), "sess_alice", None, 0.0))

MESSAGE_LIKE_OURS = """
INSERT INTO users (id, updatedAt) VALUES ('user_zoe', '2025-01-14 00:00:00.000000');
INSERT INTO channels (id, name, createdById, updatedAt)
VALUES ('theirs', 'theirs', 'user_zoe', '2025-01-14 00:00:00.000000');
INSERT INTO messages (id, content, channelId, userId, updatedAt) VALUES (
    '00000000-0000-8000-8000-000000000001', 'hello', 'theirs', 'user_zoe',
    '2025-01-14 00:00:00.000000'
);
"""
"""SQL that inserts a message of the original backend whose id looks like one of this server.

Only `migrate` adopts such a message.
"""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The default settings, with a temporary folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings()


@pytest.fixture
def migrated(settings: Settings, sqlite_template: Path) -> Settings:
    """The default settings, with a migrated database."""
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    file.parent.mkdir()
    shutil.copy(sqlite_template, file)
    return settings


@pytest.fixture
def in_memory(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_url": "memory:"})


async def is_revoked(settings: Settings) -> bool:
    """Return whether a server on the same database would reject the token."""
    database = Database(settings.database_url, migrate=False)
    await database.on_module_init()
    try:
        return await SqlRevocationStore(database, SystemClock()).contains(CREDENTIAL)
    finally:
        await database.on_application_shutdown(None)


@pytest.mark.parametrize("spelling", ["{}", "Bearer {}", "bearer {}", " {}", "\tBearer  {}\r\n"])
async def test_token_is_revoked_when_it_is_spelt_as_it_was_copied(
    migrated: Settings, spelling: str
) -> None:
    """White space around the token and a ``Bearer`` prefix are ignored."""
    revoked = await revoke_sessions(migrated, RevocationKind.TOKEN, spelling.format(TOKEN))

    assert Revocation.of_token(TOKEN) == revoked.revocation
    assert await is_revoked(migrated)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(RevocationKind.SESSION, "sess_alice"), (RevocationKind.USER, " user_alice\n")],
)
async def test_token_is_revoked_when_its_sign_in_or_its_user_is(
    migrated: Settings, kind: RevocationKind, text: str
) -> None:
    """A session or a user can be revoked without the token."""
    revoked = await revoke_sessions(migrated, kind, text)

    assert (kind, text.strip()) == (revoked.revocation.kind, revoked.revocation.subject)
    assert await is_revoked(migrated)


@pytest.mark.parametrize("text", ["", " ", "foo", "Bearer", "Bearer ", "a.b.c", f"{TOKEN}=="])
async def test_revoking_is_refused_when_that_is_no_session_token(
    migrated: Settings, text: str
) -> None:
    """A text that no server would accept as a token was most likely pasted by mistake."""
    with pytest.raises(StartError, match=r"not a session token, so nothing was revoked"):
        await revoke_sessions(migrated, RevocationKind.TOKEN, text)


@pytest.mark.parametrize("kind", [RevocationKind.SESSION, RevocationKind.USER])
@pytest.mark.parametrize("text", ["", " ", "a\0", "a" * 192])
async def test_revoking_is_refused_when_nobody_can_be_called_so(
    migrated: Settings, kind: RevocationKind, text: str
) -> None:
    """An invalid id most likely comes from an unset variable in a script."""
    with pytest.raises(StartError, match=f"not a {kind}'s id, so nothing was revoked"):
        await revoke_sessions(migrated, kind, text)


async def test_revoking_is_refused_when_no_server_has_been_here(
    settings: Settings, tmp_path: Path
) -> None:
    """The command does not create a database, because no server would use it."""
    expected = (
        "There is no database .data/chat.db, so nothing was revoked; "
        "run this where the server runs, or with the server's DATA_DIR or DATABASE_URL."
    )

    with pytest.raises(StartError) as refused:
        await revoke_sessions(settings, RevocationKind.USER, "user_alice")

    assert expected == str(refused.value)
    assert not (tmp_path / ".data" / "chat.db").exists()


async def test_revoking_is_not_certain_when_the_database_does_not_answer(
    migrated: Settings, tmp_path: Path
) -> None:
    """If the database cannot be written, the error says to run the command again."""
    with closing(sqlite3.connect(tmp_path / ".data" / "chat.db")) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON revocations "
            "BEGIN SELECT RAISE(ABORT, 'full'); END"
        )

    with pytest.raises(StartError) as refused:
        await revoke_sessions(migrated, RevocationKind.USER, "user_alice")

    expected = (
        "The revocation could not be confirmed (the database did not answer); run this again."
    )
    assert expected == str(refused.value)


async def test_revoking_is_not_certain_when_redis_does_not_answer(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:9"})

    with pytest.raises(StartError) as refused:
        await revoke_sessions(away, RevocationKind.USER, "user_alice")

    expected = "The revocation could not be confirmed (Redis did not answer); run this again."
    assert expected == str(refused.value)


async def test_user_is_revoked_in_redis_when_the_database_is_of_no_use(
    settings: Settings, tmp_path: Path, redis_server: RedisServer
) -> None:
    """With Redis, the revocation needs no database."""
    broken = tmp_path / "broken.db"
    broken.write_text("no database")
    shared = settings.model_copy(
        update={"redis_url": redis_server.url, "database_url": f"sqlite:///{broken}"}
    )

    await revoke_sessions(shared, RevocationKind.USER, "user_alice")

    assert ["chatgenius:revoked:user:user_alice"] == redis_server.client.keys("*revoked*")


@pytest.mark.parametrize("kind", RevocationKind)
async def test_revoking_is_refused_when_nothing_would_be_kept(
    in_memory: Settings, kind: RevocationKind
) -> None:
    """A revocation that is only in the command's memory would be lost when the command ends."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* nothing was revoked"):
        await revoke_sessions(in_memory, kind, TOKEN)


async def test_seeding_is_refused_when_nothing_would_be_kept(
    in_memory: Settings, tmp_path: Path
) -> None:
    """If a server keeps its data in memory, it needs SEED_FILE instead."""
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* set SEED_FILE"):
        await seed_database(in_memory, tmp_path / "seed.json")


async def test_examining_is_refused_when_there_is_no_database(in_memory: Settings) -> None:
    with pytest.raises(StartError, match=r"DATABASE_URL is memory:.* set it to a database"):
        await examine(in_memory)


async def test_examining_finds_nothing_when_the_database_is_migrated(migrated: Settings) -> None:
    """The doctor examines the database that the settings name."""
    assert Examination() == await examine(migrated)


async def test_migrating_repairs_messages_when_the_original_backend_has_changed_them(
    migrated: Settings, tmp_path: Path
) -> None:
    """The doctor warns of a message without a sequence until the database is migrated again."""
    with closing(sqlite3.connect(tmp_path / ".data" / "chat.db")) as database, database:
        database.executescript(MESSAGE_LIKE_OURS)

    found = await examine(migrated)
    migration = await migrate_database(migrated)

    assert 1 == len(found.warnings)
    assert (
        "Messages that were adopted although their ids look like those of this server: 1.",
    ) == migration.changes
    assert () == migration.warnings
    assert Examination() == await examine(migrated)
