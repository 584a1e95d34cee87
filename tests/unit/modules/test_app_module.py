from typing import Any

import pytest

from app.adapters.memory.limits import MemorySocketQuota
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.adapters.redis.revocation_store import RedisRevocationStore
from app.adapters.redis.socket_quota import RedisSocketQuota
from app.adapters.sql.messages.repository import SqlMessageRepository
from app.config.settings import Settings
from app.controllers.development_identity_controller import DevelopmentIdentityController
from app.controllers.health_controller import HealthController
from app.controllers.page_controller import PageController
from app.filters.chat_exception_filter import ChatExceptionFilter
from app.framework import IoAdapter, IoOptions, NestApplication, NestFactory, ValidationPipe
from app.framework.core.injector import Injector
from app.gateways.ws_gateway import WsGateway
from app.guards.ws_guard import WsGuard
from app.guards.ws_throttler_guard import WsThrottlerGuard
from app.modules import create_app_module
from app.ports import MessageRepository
from app.services.offline_message_service import OfflineMessageService
from app.services.session_service import SessionService
from app.services.token_blacklist_service import TokenBlacklistService


def settings(**changes: Any) -> Settings:
    return Settings.model_construct(**{"database_url": "memory:", **changes})


def application(with_settings: Settings) -> NestApplication:
    return NestFactory.create(create_app_module(with_settings), IoAdapter(IoOptions()))


def test_every_event_meets_the_same_when_the_application_is_put_together() -> None:
    """All events of the chat have the same pipe, filter and guards, in the same order."""
    routes = [route for route in application(settings()).events() if route.gateway is WsGateway]

    enhancers = {
        tuple(
            tuple(map(type, kind))
            for kind in (
                route.enhancers.guards,
                route.enhancers.interceptors,
                route.enhancers.pipes,
                route.enhancers.filters,
            )
        )
        for route in routes
    }
    assert {
        (
            (WsThrottlerGuard, WsGuard),
            (),
            (ValidationPipe,),
            (ChatExceptionFilter,),
        )
    } == enhancers


@pytest.mark.parametrize(
    ("redis_url", "store", "quota"),
    [
        (None, MemoryRevocationStore, MemorySocketQuota),
        ("redis://127.0.0.1:1", RedisRevocationStore, RedisSocketQuota),
    ],
)
def test_nodes_share_what_is_revoked_when_there_is_redis(
    redis_url: str | None, store: type, quota: type
) -> None:
    """``REDIS_URL`` decides where revocations and socket counts are stored."""
    sessions = application(settings(redis_url=redis_url)).get(SessionService)

    assert (store, quota) == (type(sessions._blacklist._store), type(sessions._quota))


@pytest.mark.parametrize(
    ("database_url", "repository"),
    [("memory:", MemoryMessageRepository), ("sqlite:///unused.db", SqlMessageRepository)],
)
def test_storage_is_chosen_when_the_database_url_says_where(
    database_url: str, repository: type
) -> None:
    injector = Injector(create_app_module(settings(database_url=database_url)))

    assert isinstance(injector.provider_of(MessageRepository)(), repository)


@pytest.mark.parametrize(("queue_max_bytes", "expected"), [(1_048_576, 262_144), (65_536, 32_768)])
def test_page_fits_the_queue_when_less_may_wait_for_a_client(
    queue_max_bytes: int, expected: int
) -> None:
    """A page takes at most half of the client's queue, so it cannot disconnect the client."""
    injector = Injector(create_app_module(settings(socket_queue_max_bytes=queue_max_bytes)))

    assert expected == injector.get(OfflineMessageService)._max_page_bytes


def test_development_identity_is_part_of_it_when_there_is_no_clerk() -> None:
    """Without Clerk settings, the development identity's controllers are provided."""
    injector = Injector(create_app_module(settings()))

    assert injector.find(DevelopmentIdentityController)
    assert injector.find(PageController)
    assert isinstance(injector.get(HealthController), HealthController)


@pytest.mark.parametrize(
    "clerk",
    [
        {"clerk_jwks_url": "https://clerk.example/jwks", "clerk_issuer": "https://clerk.example"},
        {"app_env": "production"},
    ],
)
def test_development_identity_is_absent_when_there_is_clerk_or_production(
    clerk: dict[str, Any],
) -> None:
    """The development identity and the page are not provided."""
    injector = Injector(create_app_module(settings(**clerk)))

    assert [] == injector.find(DevelopmentIdentityController)
    assert [] == injector.find(PageController)


def test_instances_are_one_each_when_modules_share_them() -> None:
    """Modules that import a provider get the same instance."""
    app = create_app_module(settings())
    injector = Injector(app)

    assert injector.get(SessionService) is app.chat.session_service()
    assert injector.get(TokenBlacklistService) is app.auth.token_blacklist_service()


def test_applications_share_nothing_when_there_are_two() -> None:
    """Two applications in one process have separate instances."""
    one, other = (Injector(create_app_module(settings())) for _ in range(2))

    assert one.get(SessionService) is not other.get(SessionService)
