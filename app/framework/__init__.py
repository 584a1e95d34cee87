"""Nest ported to Python: gateways, guards, interceptors, pipes and filters under Nest's names.

The framework does not depend on the chat: besides libraries, it imports only ``app.concurrency``.
Other projects use both packages as the distribution ``lychgate``.
"""

from app.framework.common.context import (
    CONNECTION_PATTERN,
    AckFunction,
    ArgumentsHost,
    ConnectionContext,
    ExecutionContext,
    HttpArgumentsHost,
    HttpContext,
    WsArgumentsHost,
)
from app.framework.common.decorators import (
    catch,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from app.framework.common.exceptions import (
    BootError,
    FieldError,
    WsBadRequest,
    WsDraining,
    WsException,
    WsForbidden,
    WsInternalError,
    WsTooManyRequests,
    WsUnauthorized,
    WsUnavailable,
    WsUnknownEvent,
)
from app.framework.common.filters import (
    BaseExceptionFilter,
    BaseWsExceptionFilter,
    ExceptionFilter,
)
from app.framework.common.guards import CanActivate
from app.framework.common.hooks import (
    BeforeApplicationShutdown,
    OnApplicationBootstrap,
    OnApplicationShutdown,
    OnDrain,
    OnModuleDestroy,
    OnModuleInit,
)
from app.framework.common.http_exceptions import (
    BadGatewayException,
    BadRequestException,
    ConflictException,
    ForbiddenException,
    GatewayTimeoutException,
    GoneException,
    HttpException,
    HttpVersionNotSupportedException,
    ImATeapotException,
    InternalServerErrorException,
    MethodNotAllowedException,
    MisdirectedException,
    NotAcceptableException,
    NotFoundException,
    NotImplementedException,
    PayloadTooLargeException,
    PreconditionFailedException,
    RequestTimeoutException,
    ServiceUnavailableException,
    UnauthorizedException,
    UnprocessableEntityException,
    UnsupportedMediaTypeException,
)
from app.framework.common.interceptors import CallHandler, NestInterceptor
from app.framework.common.metadata import Reflector, set_metadata
from app.framework.common.parse_pipes import (
    ParseArrayPipe,
    ParseBoolPipe,
    ParseDatePipe,
    ParseEnumPipe,
    ParseFloatPipe,
    ParseIntPipe,
    ParseUUIDPipe,
)
from app.framework.common.pipes import (
    ArgumentMetadata,
    DefaultValuePipe,
    PipeTransform,
    ValidationPipe,
    field_errors,
)
from app.framework.common.providers import (
    AppFilter,
    AppGuard,
    AppInterceptor,
    AppPipe,
    global_,
    imported,
)
from app.framework.core.application import NestApplication, NestFactory
from app.framework.core.forward_ref import ForwardRef, forward_ref
from app.framework.core.http.controllers import (
    body_limit,
    controller,
    delete,
    get,
    header,
    http_code,
    patch,
    post,
    put,
)
from app.framework.core.http.param_decorators import (
    Body,
    Headers,
    Param,
    Query,
    RawBody,
    Req,
    Res,
)
from app.framework.core.http.response import HttpResponse
from app.framework.core.injector import ModuleRef
from app.framework.platform_socketio.disconnect_reason import DisconnectReason
from app.framework.platform_socketio.engine_io.request_check import AllowRequest
from app.framework.platform_socketio.engine_io.server import EngineOptions
from app.framework.platform_socketio.io_adapter import IoAdapter, IoOptions
from app.framework.platform_socketio.socket_io.server import SocketServer
from app.framework.platform_socketio.websocket.client_address import Network, client_address
from app.framework.websockets.broadcast import BroadcastOperator
from app.framework.websockets.cors import Cors
from app.framework.websockets.decorators import (
    WebSocketServer,
    subscribe_message,
    web_socket_gateway,
)
from app.framework.websockets.explorer import EventRoute
from app.framework.websockets.hooks import OnGatewayConnection, OnGatewayDisconnect, OnGatewayInit
from app.framework.websockets.param_decorators import (
    Ack,
    ConnectedSocket,
    MessageBody,
    create_param_decorator,
)
from app.framework.websockets.server import Server
from app.framework.websockets.socket import Handshake, Socket
from app.framework.websockets.socket_api.acks import AckTimeoutError
from app.framework.websockets.socket_api.cluster_adapter import Cluster
from app.framework.websockets.socket_api.remote_socket import RemoteSocket
from app.framework.websockets.socket_api.server_events import RemoteEvent
from app.framework.websockets.ws_response import WsResponse

__all__ = [
    "CONNECTION_PATTERN",
    "Ack",
    "AckFunction",
    "AckTimeoutError",
    "AllowRequest",
    "AppFilter",
    "AppGuard",
    "AppInterceptor",
    "AppPipe",
    "ArgumentMetadata",
    "ArgumentsHost",
    "BadGatewayException",
    "BadRequestException",
    "BaseExceptionFilter",
    "BaseWsExceptionFilter",
    "BeforeApplicationShutdown",
    "Body",
    "BootError",
    "BroadcastOperator",
    "CallHandler",
    "CanActivate",
    "Cluster",
    "ConflictException",
    "ConnectedSocket",
    "ConnectionContext",
    "Cors",
    "DefaultValuePipe",
    "DisconnectReason",
    "EngineOptions",
    "EventRoute",
    "ExceptionFilter",
    "ExecutionContext",
    "FieldError",
    "ForbiddenException",
    "ForwardRef",
    "GatewayTimeoutException",
    "GoneException",
    "Handshake",
    "Headers",
    "HttpArgumentsHost",
    "HttpContext",
    "HttpException",
    "HttpResponse",
    "HttpVersionNotSupportedException",
    "ImATeapotException",
    "InternalServerErrorException",
    "IoAdapter",
    "IoOptions",
    "MessageBody",
    "MethodNotAllowedException",
    "MisdirectedException",
    "ModuleRef",
    "NestApplication",
    "NestFactory",
    "NestInterceptor",
    "Network",
    "NotAcceptableException",
    "NotFoundException",
    "NotImplementedException",
    "OnApplicationBootstrap",
    "OnApplicationShutdown",
    "OnDrain",
    "OnGatewayConnection",
    "OnGatewayDisconnect",
    "OnGatewayInit",
    "OnModuleDestroy",
    "OnModuleInit",
    "Param",
    "ParseArrayPipe",
    "ParseBoolPipe",
    "ParseDatePipe",
    "ParseEnumPipe",
    "ParseFloatPipe",
    "ParseIntPipe",
    "ParseUUIDPipe",
    "PayloadTooLargeException",
    "PipeTransform",
    "PreconditionFailedException",
    "Query",
    "RawBody",
    "Reflector",
    "RemoteEvent",
    "RemoteSocket",
    "Req",
    "RequestTimeoutException",
    "Res",
    "Server",
    "ServiceUnavailableException",
    "Socket",
    "SocketServer",
    "UnauthorizedException",
    "UnprocessableEntityException",
    "UnsupportedMediaTypeException",
    "ValidationPipe",
    "WebSocketServer",
    "WsArgumentsHost",
    "WsBadRequest",
    "WsDraining",
    "WsException",
    "WsForbidden",
    "WsInternalError",
    "WsResponse",
    "WsTooManyRequests",
    "WsUnauthorized",
    "WsUnavailable",
    "WsUnknownEvent",
    "body_limit",
    "catch",
    "client_address",
    "controller",
    "create_param_decorator",
    "delete",
    "field_errors",
    "forward_ref",
    "get",
    "global_",
    "header",
    "http_code",
    "imported",
    "patch",
    "post",
    "put",
    "set_metadata",
    "subscribe_message",
    "use_filters",
    "use_guards",
    "use_interceptors",
    "use_pipes",
    "web_socket_gateway",
]
