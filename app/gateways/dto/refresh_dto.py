"""The payload of ``auth:refresh``."""

from pydantic import Field

from app.gateways.dto.client_payload import ClientPayload


class RefreshDto(ClientPayload):
    """``{token}`` is the new session token; it is omitted from the ``repr``."""

    token: str = Field(repr=False)
