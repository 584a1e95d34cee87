import pytest

from bench.scaling_model import (
    MAX_SOCKETS_PER_NODE,
    SOCKETS,
    USABLE_SHARE,
    Cluster,
    Costs,
    estimate,
    simulate,
    size,
)

COSTS = Costs(
    store=500,
    deliver=5,
    publish=20,
    receive=20,
    redis=5,
    redis_subscriber=1,
    load=500,
    load_member=2,
    database_store=500,
    database_load=70,
    database_load_member=0.3,
)


@pytest.mark.parametrize("room_size", [10, 100, 10_000])
def test_simulation_agrees_with_the_formula(room_size: int) -> None:
    cluster = size(COSTS, room_size)

    expected, simulated = estimate(COSTS, cluster), simulate(COSTS, cluster)

    assert simulated.reached == pytest.approx(expected.reached, rel=0.02)
    assert simulated.node_cores == pytest.approx(expected.node_cores, rel=0.02)
    assert simulated.redis_cores == pytest.approx(expected.redis_cores, rel=0.02)
    assert simulated.database_cores == pytest.approx(expected.database_cores, rel=0.1)
    assert simulated.busiest_node >= simulated.node_cores / cluster.nodes


def test_one_node_has_no_others() -> None:
    alone = Cluster(room_size=10, nodes=1, shards=1)

    for load in (estimate(COSTS, alone), simulate(COSTS, alone)):
        assert (1, 0) == (load.reached, load.redis_cores)


def test_cluster_is_large_enough_when_events_or_sockets_are_many() -> None:
    small, large = size(COSTS, 10), size(COSTS, 10_000)

    assert SOCKETS / MAX_SOCKETS_PER_NODE == small.nodes
    assert large.nodes > small.nodes
    for cluster in (small, large):
        assert estimate(COSTS, cluster).busiest_node <= USABLE_SHARE
        assert estimate(COSTS, cluster).busiest_shard <= USABLE_SHARE
