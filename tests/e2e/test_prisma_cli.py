"""Tests the commands of Prisma 6.19 on a database that this server has migrated."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.deadlines import PROCESS_SECONDS
from tests.e2e.prisma_peer import PEER
from tests.e2e.server_process import CHECKOUT, run_command
from tests.postgres_server import PostgresServer
from tests.prisma import PRISMA_TABLES
from tests.unit.docs.markdown import blocks

CLI = Path(__file__).parent / "prisma_cli"
PAGE = CHECKOUT / "docs" / "migrating.md"
MIGRATION = "20250113183827_add_file_model"
SCHEMA = (PEER / "prisma" / "schema.prisma").read_text(encoding="utf-8")

CREATED = "All migrations have been successfully applied."
IN_SYNC = "The database is already in sync with the Prisma schema."
DATA_LOSS = "You are about to drop the `alembic_version` table, which is not empty (1 rows)."


class PrismaCli:
    """Prisma's command line in a folder with the original backend's schema and migration.

    Args:
        url: The address of the database.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url
        migration = folder / "migrations" / MIGRATION
        migration.mkdir(parents=True)
        (migration / "migration.sql").write_text(PRISMA_TABLES, encoding="utf-8")
        (folder / "migrations" / "migration_lock.toml").write_text('provider = "postgresql"\n')

    async def output_of(
        self, *arguments: str, until: str, schema: str = SCHEMA, external: str = ""
    ) -> str:
        """Run a command, and return its output up to the line with the text ``until``.

        Then kills the process, because a timer in Prisma keeps it alive for up to a minute.
        """
        file = self._folder / "schema.prisma"
        # Prisma 6 requires a URL in the schema, but connects through the adapter.
        provider = 'provider = "postgresql"\n'
        file.write_text(schema.replace(provider, f'{provider}  url = "postgresql://"\n'))
        engine = str(PEER / "no-schema-engine")
        process = await asyncio.create_subprocess_exec(
            *("node", "node_modules/prisma/build/index.js", *arguments),
            cwd=CLI,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "CHECKPOINT_DISABLE": "1",
                "PRISMA_HIDE_UPDATE_MESSAGE": "1",
                "PRISMA_SCHEMA_ENGINE_BINARY": engine,
                "PRISMA_QUERY_ENGINE_LIBRARY": engine,
                "DATABASE_URL": self._url,
                "SCHEMA": str(file),
                "MIGRATIONS": str(self._folder / "migrations"),
                **({"EXTERNAL_TABLES": external} if external else {}),
            },
            stdout=PIPE,
            stderr=STDOUT,
        )
        assert process.stdout is not None
        output = ""
        async with asyncio.timeout(PROCESS_SECONDS):
            async for line in process.stdout:
                output += line.decode()
                if until in output:
                    process.kill()
                    break
            await process.wait()
        return output


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cli(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PrismaCli]:
    """Prisma's command line on a database that Prisma has created and this server has migrated."""
    postgres_server.create_database("prisma_cli")
    url = postgres_server.url("prisma_cli")
    folder = tmp_path_factory.mktemp("prisma")
    cli = PrismaCli(folder, url)
    assert CREATED in await cli.output_of("migrate", "deploy", until=CREATED)
    migrated = await run_command(folder, {"DATABASE_URL": url}, "migrate")
    assert 0 == migrated.code
    yield cli
    postgres_server.drop_database("prisma_cli")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("migrate status", "Database schema is up to date!"),
        ("migrate deploy", "No pending migrations to apply."),
        ("db push --skip-generate", DATA_LOSS),
    ],
)
async def test_prismas_commands_report_what_the_documentation_says(
    cli: PrismaCli, command: str, expected: str
) -> None:
    """Prisma's migrations ignore our tables, and `db push` refuses to drop them."""
    assert expected in await cli.output_of(*command.split(), until=expected)


async def test_db_push_has_nothing_to_do_with_the_documented_configuration(cli: PrismaCli) -> None:
    """With the configuration in ``docs/migrating.md``, Prisma keeps our tables and indexes."""
    (tables,) = [block.code for block in blocks(PAGE, "ts") if "external: [" in block.code]
    external = re.findall(r"'(public\.[^']+)'", tables)

    output = await cli.output_of(
        *("db", "push", "--skip-generate"),
        until=IN_SYNC,
        schema=with_documented_indexes(SCHEMA),
        external=" ".join(external),
    )

    assert IN_SYNC in output


async def test_migrate_repairs_the_database_when_db_push_has_dropped_our_tables(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """`migrate` recreates what Prisma has dropped, even though Prisma left a partial index."""
    postgres_server.create_database("prisma_dropped")
    settings = {"DATABASE_URL": postgres_server.url("prisma_dropped")}
    cli = PrismaCli(tmp_path, settings["DATABASE_URL"])
    await cli.output_of("migrate", "deploy", until=CREATED)
    await run_command(tmp_path, settings, "migrate")
    now_in_sync = "Your database is now in sync with your Prisma schema."
    await cli.output_of(*("db", "push", "--skip-generate", "--accept-data-loss"), until=now_in_sync)

    broken = await run_command(tmp_path, settings, "doctor")
    migrated = await run_command(tmp_path, settings, "migrate")
    repaired = await run_command(tmp_path, settings, "doctor")
    postgres_server.drop_database("prisma_dropped")

    assert 1 == broken.code
    assert (0, "") == (migrated.code, migrated.err)
    assert 0 == repaired.code


def with_documented_indexes(schema: str) -> str:
    """Add the index lines of the models in ``docs/migrating.md`` to the models of the schema."""
    (block,) = blocks(PAGE, "prisma")
    for model, lines in re.findall(r"model (\w+) \{\n(.*?)\}", block.code, re.DOTALL):
        schema = schema.replace(f"model {model} {{\n", f"model {model} {{\n{lines}")
    return schema
