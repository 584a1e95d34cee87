"""The module of the whiteboard, and its global pipe and filter."""

from typing import Any

from dependency_injector import containers, providers

from app.framework import (
    AppGuard,
    BaseExceptionFilter,
    ConflictException,
    ExecutionContext,
    NestApplication,
    Socket,
    ValidationPipe,
    WsException,
    catch,
    imported,
)
from app.framework.background.clock import Clock
from app.framework.event_emitter import EventEmitter2, EventEmitterModule
from app.framework.schedule import ScheduleModule
from app.framework.throttler import ThrottlerGuard, ThrottlerModule, ThrottlerOptions
from tests.ports.whiteboard.board_gateway import BoardGateway
from tests.ports.whiteboard.board_pipe import BoardPipe, EditorGuard
from tests.ports.whiteboard.boards import BoardError, BoardService
from tests.ports.whiteboard.preview_gateway import PreviewGateway
from tests.ports.whiteboard.snapshots_controller import SnapshotsController


class BoardsModule(containers.DeclarativeContainer):
    """The gateways, the controller and the service of boards."""

    clock = imported(Clock)
    boards = providers.Singleton(BoardService, clock, imported(EventEmitter2))
    gateway = providers.Singleton(BoardGateway, boards)
    previews = providers.Singleton(PreviewGateway, boards)
    snapshots = providers.Singleton(SnapshotsController)
    pipe = providers.Singleton(BoardPipe, boards)
    editors = providers.Singleton(EditorGuard)


@catch(BoardError)
class BoardErrorFilter(BaseExceptionFilter):
    """Answers events with ``refused``, and requests with 409."""

    def catch(self, exception: BoardError, host: ExecutionContext) -> None:
        text = str(exception)
        is_http = host.get_type() == "http"
        super().catch(
            ConflictException(text) if is_http else WsException(text, code="refused"), host
        )


def app_module(clock: Clock) -> containers.Container:
    """Return the root module."""

    class AppModule(containers.DeclarativeContainer):
        """The root module."""

        time = providers.Object(clock)
        events = EventEmitterModule.for_root()
        schedule = ScheduleModule.for_root(clock=time)
        throttler = ThrottlerModule.for_root(
            [
                ThrottlerOptions(name="burst", ttl=1_000, limit=50),
                ThrottlerOptions(name="long", ttl=60_000, limit=1_000),
            ],
            get_tracker=_caller_of,
            clock=time,
        )
        guard = AppGuard(
            ThrottlerGuard, throttler.throttlers, throttler.storage, throttler.get_tracker
        )
        boards = providers.Container(BoardsModule, clock=time)

    return AppModule()


def configure(app: NestApplication) -> NestApplication:
    """Set the global pipe and filter, as ``main.ts`` does in Nest."""
    app.use_global_pipes(ValidationPipe(forbid_non_whitelisted=True))
    app.use_global_filters(BoardErrorFilter())
    return app


def _caller_of(caller: Any) -> str:
    return caller.id if isinstance(caller, Socket) else str(caller.remote)
