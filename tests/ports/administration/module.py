"""The modules of the site."""

from dependency_injector import containers, providers

from app.framework import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    NestApplication,
    Reflector,
    global_,
    imported,
)
from app.framework.config import ConfigModule, ConfigService
from app.framework.schedule import ScheduleModule
from tests.ports.administration.admin_controller import AdminController
from tests.ports.administration.admin_gateway import AdminGateway
from tests.ports.administration.audit import AuditInterceptor, AuditLog
from tests.ports.administration.errors import NobodyThereFilter
from tests.ports.administration.roles import RolesGuard
from tests.ports.administration.session_adapter import SessionAdapter
from tests.ports.administration.sessions import SessionStore
from tests.ports.administration.settings import SiteSettings
from tests.ports.administration.visitors_gateway import VisitorsGateway


@global_
class AuthModule(containers.DeclarativeContainer):
    """Sessions and permissions, for all modules."""

    reflector = providers.Singleton(Reflector)
    sessions = providers.Singleton(SessionStore)
    roles_guard = AppGuard(RolesGuard, reflector, sessions)


class VisitorsModule(containers.DeclarativeContainer):
    """The gateway of the visitors."""

    sessions = imported(SessionStore)
    gateway = providers.Singleton(VisitorsGateway, sessions)


class AdminModule(containers.DeclarativeContainer):
    """The gateway and the controller of the staff, and the audit log."""

    sessions = imported(SessionStore)
    visitors = imported(VisitorsGateway)
    audit_log = providers.Singleton(AuditLog)
    audit = AppInterceptor(AuditInterceptor, audit_log)
    nobody_there = AppFilter(NobodyThereFilter)
    gateway = providers.Singleton(AdminGateway, visitors, sessions)
    controller = providers.Singleton(AdminController, visitors, audit_log)


class AppModule(containers.DeclarativeContainer):
    """The application."""

    config = ConfigModule.for_root(SiteSettings)
    schedule = ScheduleModule.for_root()
    auth = providers.Container(AuthModule)
    visitors = providers.Container(VisitorsModule)
    admin = providers.Container(AdminModule, visitors=visitors.gateway)


def configure(app: NestApplication) -> NestApplication:
    """Give the application its adapter, as ``main.ts`` does."""
    app.use_web_socket_adapter(SessionAdapter(app.get(SessionStore), app.get(ConfigService)))
    return app
