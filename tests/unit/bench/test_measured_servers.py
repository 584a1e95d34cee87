from bench.credentials import channels_of
from bench.measured_servers import OURS, PEERS
from bench.workloads import WORKLOADS


def test_every_workload_is_ours() -> None:
    """The other servers omit workloads that would take too long."""
    assert PEERS[OURS].workloads == frozenset(WORKLOADS)


def test_rooms_have_the_sizes_that_the_workloads_count_on() -> None:
    """The workloads use rooms of 10, 100 and 1,000 members, and 100 rooms of 10 members."""
    members = [channel for user in range(4_000) for channel in channels_of(user)]

    assert [10, 100, 1000] == [members.count(name) for name in ("a1", "b1", "c1")]
    assert [10, 10] == [members.count(name) for name in ("r1", "r100")]
    assert [10, 10] == [members.count(name) for name in ("k1x1", "k1x200")]
