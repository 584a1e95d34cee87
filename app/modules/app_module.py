"""The root module: chooses the modules and passes each one its imports."""

from dependency_injector import containers, providers

from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.system.clock import SystemClock
from app.config.settings import IN_MEMORY, Settings
from app.framework import imported
from app.modules.auth_module import AuthModule
from app.modules.backend_api_module import BackendApiModule
from app.modules.chat_module import ChatModule
from app.modules.cluster_module import ClusterModule, SingleNodeModule
from app.modules.coordination_module import LocalCoordinationModule, RedisCoordinationModule
from app.modules.development_identity_module import DevelopmentIdentityModule
from app.modules.ops_module import OpsModule
from app.modules.storage_module import MemoryStorageModule, SqlStorageModule
from app.modules.webhooks_module import WebhooksModule


class AppModule(containers.DeclarativeContainer):
    """Nest's ``AppModule``.

    `create_app_module` creates this module with the optional modules that the settings require.
    """

    settings: providers.Dependency[Settings] = imported(Settings)
    clock = providers.Singleton(SystemClock)
    storage = providers.DependenciesContainer()
    coordination = providers.DependenciesContainer()
    cluster = providers.DependenciesContainer()
    development_identity = providers.DependenciesContainer()
    backend_api = providers.DependenciesContainer()
    webhooks = providers.DependenciesContainer()

    auth = providers.Container(
        AuthModule,
        settings=settings,
        clock=clock,
        revocation_store=coordination.revocation_store,
        revocation_bus=coordination.revocation_bus,
        poll_interval_seconds=coordination.poll_interval_seconds,
        attempt_limiter=coordination.attempt_limiter,
        socket_quota=coordination.socket_quota,
        event_throttle=coordination.event_throttle,
        receipt_throttle=coordination.receipt_throttle,
    )
    chat = providers.Container(
        ChatModule,
        settings=settings,
        clock=clock,
        channels=storage.channels,
        messages=storage.messages,
        adoption=storage.adoption,
        deliveries=storage.deliveries,
        write_admission=storage.write_admission,
        online_users=coordination.online_users,
        membership_bus=cluster.membership_bus,
        nodes=cluster.nodes,
        session_service=auth.session_service,
    )
    ops = providers.Container(
        OpsModule,
        settings=settings,
        clock=clock,
        storage_probe=storage.storage_probe,
        token_blacklist_service=auth.token_blacklist_service,
        nodes=cluster.nodes,
    )


def database_limits(settings: Settings) -> DatabaseLimits:
    """Return the settings of the database as `DatabaseLimits`."""
    return DatabaseLimits(
        pool_size=settings.database_pool_size,
        pool_timeout_seconds=settings.database_pool_timeout_seconds,
        statement_timeout_seconds=settings.database_statement_timeout_seconds,
        lock_timeout_seconds=settings.database_lock_timeout_seconds,
    )


def create_app_module(settings: Settings) -> AppModule:
    """Assemble the modules that the settings require, without opening a file or connection."""
    app = AppModule(settings=settings)
    if settings.database_url == IN_MEMORY:
        app.storage.override(MemoryStorageModule(clock=app.clock))
    else:
        app.storage.override(
            SqlStorageModule(
                clock=app.clock,
                database_url=settings.database_url,
                migrate=settings.app_env == "development",
                limits=database_limits(settings),
            )
        )
    local = LocalCoordinationModule(
        settings=settings,
        clock=app.clock,
        revocation_store=app.storage.revocation_store,
        webhook_log=app.storage.webhook_log,
    )
    if settings.redis_url is None:
        app.coordination.override(local)
    else:
        app.coordination.override(
            RedisCoordinationModule(
                settings=settings, clock=app.clock, fallback_limiter=local.attempt_limiter
            )
        )
    if settings.is_clustered:
        app.cluster.override(ClusterModule(settings=settings, messages=app.storage.messages))
    else:
        app.cluster.override(SingleNodeModule())
    if settings.service_key is not None:
        app.backend_api.override(
            BackendApiModule(
                settings=settings,
                clock=app.clock,
                session_service=app.auth.session_service,
                channel_service=app.chat.channel_service,
            )
        )
    if settings.clerk_webhook_signing_secret is not None:
        app.webhooks.override(
            WebhooksModule(
                settings=settings,
                clock=app.clock,
                session_service=app.auth.session_service,
                webhook_log=app.coordination.webhook_log,
            )
        )
    if settings.uses_development_issuer:
        app.development_identity.override(
            DevelopmentIdentityModule(
                settings=settings, clock=app.clock, channels=app.storage.channels
            )
        )
    return app
