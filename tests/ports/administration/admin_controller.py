"""The HTTP endpoints of the administration, for scripts."""

from typing import Annotated

from app.framework import (
    Body,
    DefaultValuePipe,
    Param,
    ParseBoolPipe,
    ParseIntPipe,
    Query,
    ValidationPipe,
    controller,
    delete,
    get,
    http_code,
    post,
    put,
    use_pipes,
)
from tests.ports.administration.admin_dto import AnnouncementDto
from tests.ports.administration.audit import AuditLog
from tests.ports.administration.roles import roles
from tests.ports.administration.sessions import Role
from tests.ports.administration.visitors_gateway import VisitorsGateway


@controller("admin")
@roles(Role.ADMIN)
@use_pipes(ValidationPipe(whitelist=True))
class AdminController:
    """Endpoints for administrators. Moderators may only list the visitors."""

    def __init__(self, visitors: VisitorsGateway, audit: AuditLog) -> None:
        self._visitors = visitors
        self._audit = audit

    @get("visitors")
    @roles(Role.MODERATOR, Role.ADMIN)
    async def list_visitors(self) -> list[str]:
        sockets = await self._visitors.server.fetch_sockets()
        return sorted({each.data["user"].name for each in sockets})

    @post("announcements")
    @http_code(202)
    async def announce(self, dto: Annotated[AnnouncementDto, Body()]) -> None:
        self._visitors.server.to(dto.rooms).emit("announcement", dto.text)

    @delete("visitors/{name}")
    @http_code(204)
    async def remove(self, name: Annotated[str, Param("name")]) -> None:
        await self._visitors.sockets_of(name)
        await self._visitors.server.in_(f"visitor:{name}").disconnect_sockets(close=True)

    @put("maintenance")
    async def set_maintenance(
        self, closed: Annotated[bool, Query("closed", ParseBoolPipe)]
    ) -> dict[str, bool]:
        self._visitors.is_closed_for_maintenance = closed
        return {"closed": closed}

    @get("audit")
    async def audit(
        self, limit: Annotated[int, Query("limit", DefaultValuePipe(10), ParseIntPipe)]
    ) -> list[str]:
        return self._audit.entries[-limit:]
