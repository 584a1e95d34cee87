"""Health checks and warnings for operators."""

from dependency_injector import containers, providers

from app.adapters.system.file_descriptors import DescriptorWatch
from app.config.settings import Settings
from app.controllers.health_controller import HealthController
from app.framework import imported
from app.modules.auth_module import admits_unchecked
from app.ports import Clock, Nodes, StorageProbe
from app.services.token_blacklist_service import TokenBlacklistService


class OpsModule(containers.DeclarativeContainer):
    """Provides `HealthController` and `DescriptorWatch`."""

    settings: providers.Dependency[Settings] = imported(Settings)
    clock: providers.Dependency[Clock] = imported(Clock)
    storage_probe: providers.Dependency[StorageProbe] = imported(StorageProbe)
    token_blacklist_service: providers.Dependency[TokenBlacklistService] = imported(
        TokenBlacklistService
    )
    nodes: providers.Dependency[Nodes] = imported(Nodes)

    descriptor_watch = providers.Singleton(DescriptorWatch, clock)
    health_controller = providers.Singleton(
        HealthController,
        storage_probe,
        token_blacklist_service,
        nodes,
        clock,
        admits_unchecked=providers.Callable(admits_unchecked, settings),
    )
