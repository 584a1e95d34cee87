"""Port of ``@nestjs/schedule``: runs methods at given times, at intervals or once."""

from app.framework.background.clock import Clock
from app.framework.schedule.cron_expression import CronExpression
from app.framework.schedule.decorators import cron, interval, timeout
from app.framework.schedule.module import ScheduleModule
from app.framework.schedule.registry import SchedulerRegistry

__all__ = [
    "Clock",
    "CronExpression",
    "ScheduleModule",
    "SchedulerRegistry",
    "cron",
    "interval",
    "timeout",
]
