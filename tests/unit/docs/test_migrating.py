"""Tests docs/migrating.md."""

import re
from importlib import import_module

import pytest

import app.framework
import app.framework.config
import app.framework.event_emitter
import app.framework.schedule
import app.framework.throttler
from app.adapters.sql.schema.shared_tables import SHARED_TABLES
from app.adapters.sql.schema.tables import metadata
from tests.unit.docs.markdown import ROOT, blocks, codes, table

PAGE = ROOT / "docs" / "migrating.md"
HEADINGS = (
    "The document",
    "Gateways",
    "Enhancers",
    "Controllers",
    "Modules and life cycle",
    "Packages of Nest",
    "Tests",
)
ROWS = [row for heading in HEADINGS for row in table(PAGE, heading)]
NAMES = [
    pytest.param(name, codes(row[2])[0], id=f"{name} in {codes(row[2])[0]}")
    for row in ROWS
    for name in codes(row[1])
]
PUBLIC_NAMES = [
    *app.framework.__all__,
    *app.framework.config.__all__,
    *app.framework.event_emitter.__all__,
    *app.framework.schedule.__all__,
    *app.framework.throttler.__all__,
]


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_python_name_is_where_the_table_says(name: str, path: str) -> None:
    """Every name in the second column is in the file that the third column names."""
    assert (ROOT / path).is_file()
    found: object = import_module(path.removesuffix(".py").replace("/", "."))

    for part in name.split("."):
        found = getattr(found, part, None)

    assert found is not None


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_public_name_of_the_framework_is_on_the_page(name: str) -> None:
    listed = {listed.split(".")[0] for row in ROWS for listed in codes(row[1])}

    assert name in listed


def test_prismas_configuration_names_the_tables_that_are_ours() -> None:
    (code,) = [block.code for block in blocks(PAGE, "ts") if "external: [" in block.code]

    ours = {f"public.{name}" for name in (*metadata.tables, "alembic_version")}
    shared = {f"public.{name}" for name in SHARED_TABLES}
    assert sorted(ours - shared) == re.findall(r"'(public\.\w+)'", code)
