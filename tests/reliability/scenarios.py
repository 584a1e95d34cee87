"""The scenarios, and their sizes."""

from dataclasses import replace

from tests.reliability.faults import (
    crash_postgres,
    fill_disk,
    freeze_postgres,
    kill_server,
    lock_file,
    restart_postgres,
)
from tests.reliability.redis_faults import (
    cut_off_node,
    fail_over_redis,
    flush_redis,
    freeze_redis,
    silence_node,
    stop_redis,
)
from tests.reliability.scenario import Scenario, Size

SHORT = Size(messages=300, faults=3, absences=2, by_original=10, seconds=300, slack_seconds=25)
SHORT_CLUSTER = replace(SHORT, messages=200, faults=2)  # these faults last for several seconds
LONG = Size(messages=2_000, faults=24, absences=10, by_original=100, seconds=600, slack_seconds=2)

SCENARIOS = (
    Scenario("sqlite-server-killed", (kill_server,)),
    Scenario("postgres-server-killed", (kill_server,), uses_postgres=True),
    Scenario(
        "postgres-restarted-and-frozen",
        (restart_postgres, freeze_postgres, crash_postgres),
        uses_postgres=True,
    ),
    Scenario("sqlite-disk-full-and-file-locked", (fill_disk, lock_file)),
    Scenario("postgres-two-nodes", (kill_server,), uses_postgres=True, nodes=2, doubled=1.0),
    Scenario(
        "cluster-sharded-redis-lost",
        (stop_redis, freeze_redis, fail_over_redis, flush_redis, cut_off_node, silence_node),
        uses_postgres=True,
        nodes=2,
        cluster="sharded",
        fault_seconds=5,
    ),
    Scenario(
        "cluster-classic-redis-lost",
        (cut_off_node, stop_redis, silence_node, fail_over_redis, flush_redis, freeze_redis),
        uses_postgres=True,
        nodes=2,
        cluster="classic",
        settings={"REVOCATION_UNAVAILABLE": "admit"},
        fault_seconds=5,
        is_long=True,
    ),
)
