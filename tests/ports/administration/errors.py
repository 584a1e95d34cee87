"""The error for an absent visitor, and the filter that answers it."""

from app.framework import (
    BaseExceptionFilter,
    ExecutionContext,
    NotFoundException,
    WsException,
    catch,
)


class NobodyThere(Exception):
    """No visitor of this name is connected."""


@catch(NobodyThere)
class NobodyThereFilter(BaseExceptionFilter):
    """Answers requests with 404, and events with a code."""

    def catch(self, exception: Exception, host: ExecutionContext) -> None:
        message = f"{exception} is not here"
        if host.get_type() == "http":
            super().catch(NotFoundException(message), host)
        else:
            super().catch(WsException(message, code="nobody_there"), host)
