from app.framework import CanActivate, ExecutionContext


async def activate(guard: CanActivate, context: ExecutionContext) -> bool:
    """The guard's verdict, whether it gives it at once or has to be waited for."""
    verdict = guard.can_activate(context)
    return verdict if isinstance(verdict, bool) else await verdict
