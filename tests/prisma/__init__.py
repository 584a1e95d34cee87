"""SQL of a database of the original backend: tables that Prisma created, and rows."""

from pathlib import Path

TABLES = (Path(__file__).parent / "tables.sql").read_text(encoding="utf-8")
LOOSE_TABLES = (Path(__file__).parent / "loose_tables.sql").read_text(encoding="utf-8")
ROWS = (Path(__file__).parent / "rows.sql").read_text(encoding="utf-8")
