"""Everything that is tried, by name."""

from tests.reliability.scenario import Scenario, Size
from tests.reliability.troubles import (
    crash_postgres,
    fill_disk,
    freeze_postgres,
    kill_server,
    lock_file,
)

SHORT = Size(messages=300, troubles=3, absences=2, seconds=50)
LONG = Size(messages=2_000, troubles=25, absences=10, seconds=600)

SCENARIOS = (
    Scenario("server killed, SQLite", (kill_server,)),
    Scenario("server killed, PostgreSQL", (kill_server,), uses_postgres=True),
    Scenario("PostgreSQL crashed", (crash_postgres,), uses_postgres=True),
    Scenario("PostgreSQL frozen", (freeze_postgres,), uses_postgres=True),
    Scenario("disk full, SQLite", (fill_disk,)),
    Scenario("file locked, SQLite", (lock_file,)),
    Scenario("two nodes, PostgreSQL", uses_postgres=True, nodes=2, doubled=1.0),
)
