"""Port of ``@nestjs/event-emitter``: events between the providers of one process."""

from app.framework.event_emitter.decorators import on_event
from app.framework.event_emitter.event_emitter import EventEmitter2
from app.framework.event_emitter.module import EventEmitterModule

__all__ = ["EventEmitter2", "EventEmitterModule", "on_event"]
