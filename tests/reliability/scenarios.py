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
from tests.reliability.restarts import (
    drain_server,
    kill_node,
    kill_worker,
    replace_workers,
    stop_server_at_once,
)
from tests.reliability.scenario import Scenario, Size

SHORT = Size(
    messages=300, faults=3, absences=2, by_original=10, crowd=50, seconds=300, slack_seconds=25
)
SHORT_CLUSTER = replace(SHORT, messages=200, faults=1)  # these faults last for several seconds
LONG = Size(
    messages=2_000,
    faults=24,
    absences=10,
    by_original=100,
    crowd=2_000,
    seconds=600,
    slack_seconds=2,
)

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
    Scenario(
        "cluster-sharded-nodes-restarted",
        (drain_server, stop_server_at_once, kill_node),
        uses_postgres=True,
        nodes=2,
        doubled=1.0,
        cluster="sharded",
        settings={"DRAIN_SECONDS": "4"},
        fault_seconds=8,
        has_crowd=True,
        is_long=True,
    ),
    Scenario(
        "cluster-classic-nodes-restarted",
        (drain_server, stop_server_at_once, kill_node),
        uses_postgres=True,
        nodes=2,
        doubled=1.0,
        cluster="classic",
        settings={"DRAIN_SECONDS": "4"},
        fault_seconds=8,
        has_crowd=True,
        is_long=True,
    ),
    Scenario(
        "cluster-sharded-workers-restarted",
        (replace_workers, kill_worker),
        uses_postgres=True,
        cluster="sharded",
        settings={"WEB_CONCURRENCY": "2", "DRAIN_SECONDS": "2"},
        fault_seconds=8,
        has_crowd=True,
    ),
    Scenario(
        "cluster-sharded-with-nestjs",
        (cut_off_node, silence_node, kill_node),
        uses_postgres=True,
        nodes=2,
        cluster="sharded",
        fault_seconds=6,
        has_nest=True,
        is_long=True,
    ),
    Scenario(
        "cluster-classic-with-nestjs",
        (cut_off_node, silence_node, kill_node),
        uses_postgres=True,
        nodes=2,
        cluster="classic",
        fault_seconds=6,
        has_nest=True,
        is_long=True,
    ),
)
