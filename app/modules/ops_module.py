"""What operators look at."""

from dependency_injector import containers, providers

from app.controllers.health_controller import HealthController
from app.framework import imported
from app.ports import ChannelRepository


class OpsModule(containers.DeclarativeContainer):
    """Provides `HealthController`."""

    channels: providers.Dependency[ChannelRepository] = imported(ChannelRepository)

    health_controller = providers.Singleton(HealthController, channels)
