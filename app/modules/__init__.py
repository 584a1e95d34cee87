"""How the application is put together: one container per Nest module."""

from app.modules.app_module import AppModule, create_app_module
from app.modules.auth_module import AuthModule
from app.modules.backend_api_module import BackendApiModule, WebhooksModule
from app.modules.chat_module import ChatModule
from app.modules.coordination_module import LocalCoordinationModule
from app.modules.development_identity_module import DevelopmentIdentityModule
from app.modules.ops_module import OpsModule
from app.modules.redis_module import RedisCoordinationModule
from app.modules.storage_module import MemoryStorageModule, SqlStorageModule

__all__ = [
    "AppModule",
    "AuthModule",
    "BackendApiModule",
    "ChatModule",
    "DevelopmentIdentityModule",
    "LocalCoordinationModule",
    "MemoryStorageModule",
    "OpsModule",
    "RedisCoordinationModule",
    "SqlStorageModule",
    "WebhooksModule",
    "create_app_module",
]
