"""How many nodes and Redis shards a chat needs: by formula, and by simulating one second of it."""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import count
from math import ceil
from statistics import fmean

SOCKETS = 1_000_000
MESSAGES_PER_SOCKET_AND_HOUR = 6
MESSAGES_PER_SECOND = SOCKETS * MESSAGES_PER_SOCKET_AND_HOUR / 3_600
MAX_SOCKETS_PER_NODE = 25_000
"""When a node fails, its clients connect elsewhere: 25,000 connects take about 20 s of CPU time."""
USABLE_SHARE = 0.5
"""The share of a core that may be used on average. The rest is for peaks and for failed nodes."""


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU times in µs.

    Attributes:
        store: Storing a message, and everything else that the sender's node does once.
        deliver: Delivering an event to one client.
        publish: Publishing an event to the other nodes.
        receive: Receiving an event of another node.
        redis: The time of Redis for a message with one subscriber.
        redis_subscriber: The time of Redis for each further subscriber.
    """

    store: float
    deliver: float
    publish: float
    receive: float
    redis: float
    redis_subscriber: float


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a cluster.

    Attributes:
        reached: The number of nodes with clients in the room of a message, on average.
        node_cores: The used cores of all nodes together.
        redis_cores: The used cores of all shards together.
        busiest_node: The used share of a core of the busiest node.
        busiest_shard: The used share of a core of the busiest shard.
    """

    reached: float
    node_cores: float
    redis_cores: float
    busiest_node: float
    busiest_shard: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """The size of a cluster."""

    room_size: int
    nodes: int
    shards: int


def size(costs: Costs, room_size: int) -> Cluster:
    """Return the smallest cluster that uses at most `USABLE_SHARE` of its cores on average."""
    for nodes in count(ceil(SOCKETS / MAX_SOCKETS_PER_NODE)):
        load = estimate(costs, Cluster(room_size, nodes, shards=1))
        if load.node_cores <= nodes * USABLE_SHARE:
            return Cluster(room_size, nodes, max(1, ceil(load.redis_cores / USABLE_SHARE)))
    raise AssertionError


def estimate(costs: Costs, cluster: Cluster) -> Load:
    """Return the load by formula: each member of a room is on a random node."""
    nodes = cluster.nodes
    reached = nodes * (1 - (1 - 1 / nodes) ** cluster.room_size)
    others = reached - 1
    node_us = costs.store + costs.deliver * cluster.room_size
    redis_us = 0.0
    if others > 0:
        node_us += costs.publish + costs.receive * others
        redis_us = costs.redis + costs.redis_subscriber * others
    node_cores = MESSAGES_PER_SECOND * node_us / 1e6
    redis_cores = MESSAGES_PER_SECOND * redis_us / 1e6
    return Load(reached, node_cores, redis_cores, node_cores / nodes, redis_cores / cluster.shards)


def simulate(costs: Costs, cluster: Cluster, seed: int = 1) -> Load:
    """Return the load of one second: members are placed on nodes, rooms on shards, one by one."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    node_us, shard_us = [0.0] * cluster.nodes, [0.0] * cluster.shards
    rooms: dict[int, Counter[int]] = {}
    reached = []
    for _ in range(round(MESSAGES_PER_SECOND)):
        room = chance.randrange(SOCKETS // cluster.room_size)
        if room not in rooms:
            rooms[room] = Counter(chance.choices(range(cluster.nodes), k=cluster.room_size))
        members = rooms[room]
        (sender,) = chance.choices(list(members), list(members.values()))
        node_us[sender] += costs.store
        for node, clients in members.items():
            node_us[node] += costs.deliver * clients
            if len(members) > 1:
                node_us[node] += costs.publish if node == sender else costs.receive
        if len(members) > 1:
            # The sender's node is a subscriber, too: it drops the message.
            shard_us[room % cluster.shards] += costs.redis + costs.redis_subscriber * (
                len(members) - 1
            )
        reached.append(len(members))
    return Load(
        fmean(reached),
        sum(node_us) / 1e6,
        sum(shard_us) / 1e6,
        max(node_us) / 1e6,
        max(shard_us) / 1e6,
    )
