"""The SQL of a database of the original backend: the tables that Prisma created, and some rows."""

from pathlib import Path

_FOLDER = Path(__file__).parent
_PEER = _FOLDER.parents[1] / "bench" / "peers" / "nest-prisma"

PRISMA_TABLES = (_PEER / "prisma" / "tables.sql").read_text(encoding="utf-8")
"""The SQL of Prisma's migrations up to 20250113183827_add_file_model."""
TABLES = PRISMA_TABLES + (_FOLDER / "migrations.sql").read_text(encoding="utf-8")
"""The SQL of the original backend's tables, including Prisma's own table of migrations."""
LOOSE_TABLES = (_FOLDER / "loose_tables.sql").read_text(encoding="utf-8")
ROWS = (_FOLDER / "rows.sql").read_text(encoding="utf-8")
