"""The socket of a member, and the decorators with which handlers read its fields."""

from typing import Annotated, Any

from app.framework import (
    CallHandler,
    CanActivate,
    ExecutionContext,
    NestInterceptor,
    Socket,
    WsException,
    create_param_decorator,
)


class MemberSocket(Socket):
    """A socket with the fields `user` and `role`, to which a Nest gateway would simply assign."""

    __slots__ = ("role", "user")

    user: str
    role: str

    @property
    def team(self) -> str:
        """The name of the team, which is a part of the namespace's name."""
        return self.nsp.params["team"]


def identify(client: Socket) -> None:
    """Set the fields of a connecting socket from its query."""
    assert isinstance(client, MemberSocket)
    user = client.handshake.query.get("user")
    if not user:
        raise WsException("who are you?", code="no_user")
    client.user = user
    client.role = client.handshake.query.get("role", "writer")


Member = create_param_decorator(
    lambda field, context: getattr(context.switch_to_ws().get_client(), field)
)
UserName = Annotated[str, Member("user")]
Team = Annotated[str, Member("team")]


class WriterGuard(CanActivate):
    """Rejects the events of readers."""

    def can_activate(self, context: ExecutionContext) -> bool:
        return context.switch_to_ws().get_client().role == "writer"  # type: ignore[no-any-return]


class EventInterceptor(NestInterceptor):
    """Sends the result of the event ``NAME`` as ``NAME.done``, as old clients expect."""

    async def intercept(self, context: ExecutionContext, call_handler: CallHandler) -> Any:
        result = await call_handler.handle()
        return {"event": f"{context.switch_to_ws().get_pattern()}.done", "data": result}
