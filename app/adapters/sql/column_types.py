"""Column types whose PostgreSQL form is the reference's and whose SQLite form is the nearest."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine


class UtcTimestamp(TypeDecorator[datetime]):
    """Prisma's ``TIMESTAMP(3)``: no zone in the table, aware UTC in Python."""

    impl = DateTime().with_variant(postgresql.TIMESTAMP(precision=3), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware to naive; a naive one would be taken for the machine's zone."""
        del dialect
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive to aware."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


def enum_type(name: str, *values: str) -> TypeEngine[str]:
    """One of Prisma's enums, in its physical order; plain text on SQLite."""
    return Text().with_variant(postgresql.ENUM(*values, name=name), "postgresql")


POSITION = BigInteger().with_variant(Integer(), "sqlite")
"""A counter that the database increments: SQLite does so for its INTEGER alone."""
