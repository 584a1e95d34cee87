"""Stores users, channels, messages, receipts and revocations, in memory or in a database.

Both modules provide the same names. ``DATABASE_URL`` determines which module `AppModule` uses.
"""

from dependency_injector import containers, providers

from app.adapters.memory.adoption_repository import MemoryAdoptionRepository
from app.adapters.memory.channel_repository import MemoryChannelRepository
from app.adapters.memory.delivery_repository import MemoryDeliveryRepository
from app.adapters.memory.message_repository import MemoryMessageRepository
from app.adapters.memory.revocation_store import MemoryRevocationStore
from app.adapters.memory.storage_probe import MemoryStorageProbe
from app.adapters.memory.store import MemoryStore
from app.adapters.memory.webhook_log import MemoryWebhookLog
from app.adapters.sql.channels.repository import SqlChannelRepository
from app.adapters.sql.connection.database import Database
from app.adapters.sql.connection.limits import DatabaseLimits
from app.adapters.sql.deliveries.repository import SqlDeliveryRepository
from app.adapters.sql.messages.adoption_repository import SqlAdoptionRepository
from app.adapters.sql.messages.repository import SqlMessageRepository
from app.adapters.sql.revocation_store import SqlRevocationStore
from app.adapters.sql.storage_probe import SqlStorageProbe
from app.adapters.sql.webhook_log import SqlWebhookLog
from app.framework import imported
from app.ports import Clock


class MemoryStorageModule(containers.DeclarativeContainer):
    """Stores everything in memory; a restart loses all data."""

    clock: providers.Dependency[Clock] = imported(Clock)

    store = providers.Singleton(MemoryStore)
    write_admission = store
    channels = providers.Singleton(MemoryChannelRepository, store)
    messages = providers.Singleton(MemoryMessageRepository, store)
    adoption = providers.Singleton(MemoryAdoptionRepository)
    deliveries = providers.Singleton(MemoryDeliveryRepository, store)
    revocation_store = providers.Singleton(MemoryRevocationStore, clock)
    webhook_log = providers.Singleton(MemoryWebhookLog, clock)
    storage_probe = providers.Singleton(MemoryStorageProbe)


class SqlStorageModule(containers.DeclarativeContainer):
    """Stores everything in one database."""

    clock: providers.Dependency[Clock] = imported(Clock)
    database_url: providers.Dependency[str] = imported(str)
    migrate: providers.Dependency[bool] = imported(bool)
    limits: providers.Dependency[DatabaseLimits] = imported(DatabaseLimits)

    database = providers.Singleton(Database, database_url, migrate=migrate, limits=limits)
    write_admission = database
    channels = providers.Singleton(SqlChannelRepository, database)
    messages = providers.Singleton(SqlMessageRepository, database)
    adoption = providers.Singleton(SqlAdoptionRepository, database)
    deliveries = providers.Singleton(SqlDeliveryRepository, database)
    revocation_store = providers.Singleton(SqlRevocationStore, database, clock)
    webhook_log = providers.Singleton(SqlWebhookLog, database, clock)
    storage_probe = providers.Singleton(SqlStorageProbe, database)
