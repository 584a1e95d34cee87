"""Computes the nodes and Redis shards of a chat by formula, and simulates one second of it."""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import count
from math import ceil
from statistics import fmean

from app.services.channels.member_cache import CURRENT_SECONDS, REFRESH_SECONDS

SOCKETS = 1_000_000
MESSAGES_PER_SOCKET_AND_HOUR = 6
MESSAGES_PER_SECOND = SOCKETS * MESSAGES_PER_SOCKET_AND_HOUR / 3_600
MAX_SOCKETS_PER_NODE = 25_000
"""After an outage of the network, 25,000 clients connect within about 33 s of CPU time."""
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
        load: The node's part of loading the members of a channel, without the members.
        load_member: The node's part for each member.
        database_store: The database's part of storing a message.
        database_load: The database's part of loading the members, without the members.
        database_load_member: The database's part for each member.
    """

    store: float
    deliver: float
    publish: float
    receive: float
    redis: float
    redis_subscriber: float
    load: float
    load_member: float
    database_store: float
    database_load: float
    database_load_member: float


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a cluster.

    Attributes:
        reached: The number of nodes with clients in the room of a message, on average.
        node_cores: The used cores of all nodes together.
        redis_cores: The used cores of all shards together.
        database_cores: The used cores of the database.
        busiest_node: The used share of a core of the busiest node.
        busiest_shard: The used share of a core of the busiest shard.
    """

    reached: float
    node_cores: float
    redis_cores: float
    database_cores: float
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
    members, nodes = cluster.room_size, cluster.nodes
    reached = nodes * (1 - (1 - 1 / nodes) ** members)
    others = reached - 1
    loads = _loads_of_sender(members) + _loads_of_receiver(members) * others
    node_us = (
        costs.store
        + costs.deliver * members
        + (costs.load + costs.load_member * members) * loads
        + (costs.publish if others > 0 else 0)
        + costs.receive * others
    )
    redis_us = costs.redis + costs.redis_subscriber * others if others > 0 else 0
    database_us = costs.database_store + loads * (
        costs.database_load + costs.database_load_member * members
    )
    node_cores, redis_cores, database_cores = (
        MESSAGES_PER_SECOND * each / 1e6 for each in (node_us, redis_us, database_us)
    )
    return Load(
        reached,
        node_cores,
        redis_cores,
        database_cores,
        node_cores / nodes,
        redis_cores / cluster.shards,
    )


def simulate(costs: Costs, cluster: Cluster, seed: int = 1) -> Load:
    """Return the load of one second: members are placed on nodes, rooms on shards, one by one."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    size = cluster.room_size
    load_us = costs.load + costs.load_member * size
    database_load_us = costs.database_load + costs.database_load_member * size
    node_us, shard_us, database_us = [0.0] * cluster.nodes, [0.0] * cluster.shards, 0.0
    rooms: dict[int, Counter[int]] = {}
    reached = []
    for _ in range(round(MESSAGES_PER_SECOND)):
        room = chance.randrange(SOCKETS // size)
        if room not in rooms:
            rooms[room] = Counter(chance.choices(range(cluster.nodes), k=size))
        members = rooms[room]
        (sender,) = chance.choices(list(members), list(members.values()))
        node_us[sender] += costs.store
        database_us += costs.database_store
        for node, clients in members.items():
            node_us[node] += costs.deliver * clients
            if len(members) > 1:
                node_us[node] += costs.publish if node == sender else costs.receive
            loads = _loads_of_sender(size) if node == sender else _loads_of_receiver(size)
            if chance.random() < loads:
                node_us[node] += load_us
                database_us += database_load_us
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
        database_us / 1e6,
        max(node_us) / 1e6,
        max(shard_us) / 1e6,
    )


def _loads_of_sender(room_size: int) -> float:
    """Return how often a node loads the members for a message that it stores: at most once."""
    return min(1, _seconds_between_messages(room_size) / REFRESH_SECONDS)


def _loads_of_receiver(room_size: int) -> float:
    """Return how often a node loads the members for a message of another node: at most once."""
    return min(1, _seconds_between_messages(room_size) / CURRENT_SECONDS)


def _seconds_between_messages(room_size: int) -> float:
    return SOCKETS / room_size / MESSAGES_PER_SECOND
