"""The other nodes of the cluster, or none.

Both modules provide the same names. `AppModule` uses `ClusterModule` if ``REDIS_URL`` is set and
the database is PostgreSQL; other databases belong to one process.
"""

from dependency_injector import containers, providers

from app.adapters.memory.local_membership_bus import LocalMembershipBus
from app.adapters.memory.single_node import SingleNode
from app.config.settings import Settings
from app.framework import Cluster, imported
from app.framework.redis_adapter import create_adapter, create_sharded_adapter
from app.gateways.node_gateway import NodeGateway
from app.ports import MessageRepository


def _cluster(settings: Settings) -> Cluster:
    create = create_adapter if settings.cluster_adapter == "classic" else create_sharded_adapter
    assert settings.redis_url is not None  # noqa: S101 - see `AppModule`
    return create(settings.redis_url)


class SingleNodeModule(containers.DeclarativeContainer):
    """Provides the ports of a process without other nodes."""

    cluster: providers.Object[None] = providers.Object(None)
    nodes = providers.Singleton(SingleNode)
    membership_bus = providers.Singleton(LocalMembershipBus)


class ClusterModule(containers.DeclarativeContainer):
    """Connects this node to the other nodes, which use the same Redis."""

    settings: providers.Dependency[Settings] = imported(Settings)
    messages: providers.Dependency[MessageRepository] = imported(MessageRepository)

    cluster = providers.Singleton(_cluster, settings)
    nodes = providers.Singleton(NodeGateway, cluster, messages)
    membership_bus = nodes
