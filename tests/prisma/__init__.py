"""A database of the original backend: tables as Prisma leaves them, rows as it writes them."""

from pathlib import Path

TABLES = (Path(__file__).parent / "tables.sql").read_text(encoding="utf-8")
LOOSE_TABLES = (Path(__file__).parent / "loose_tables.sql").read_text(encoding="utf-8")
ROWS = (Path(__file__).parent / "rows.sql").read_text(encoding="utf-8")
