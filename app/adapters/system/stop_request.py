"""Signals and other requests that stop a server process."""

import asyncio
import logging
import signal
from dataclasses import dataclass
from functools import partial

from app.adapters.system.worker_link import WorkerLink

RESTART_SIGNAL = signal.SIGUSR2
"""The signal on which the supervisor of several workers replaces them, one after another."""
_NOT_SUPERVISOR = f"{RESTART_SIGNAL.name} only has an effect on the supervisor of several workers"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A request to stop.

    Attributes:
        signal: The signal that was received; SIGTERM if the supervisor released this worker.
        is_released: Whether the supervisor released this worker, while the other workers continue.
    """

    signal: signal.Signals
    is_released: bool = False


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop a server."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup sets SIG_IGN
        numbers.append(signal.SIGHUP)
    return numbers


def stop_request(link: WorkerLink | None) -> "asyncio.Future[StopRequest]":
    """Return a future for the first request to stop this process.

    A second SIGINT or SIGTERM kills the process, unless it is a worker. `RESTART_SIGNAL` only logs
    a warning, because it is for the supervisor.

    Args:
        link: A worker's connection to its supervisor.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[StopRequest] = loop.create_future()
    numbers = stop_signals()

    def stop(request: StopRequest) -> None:
        if stopped.done():
            return
        for each in numbers:
            loop.remove_signal_handler(each)
            # Ignore a second SIGHUP: a closing terminal may send two, from its shell and the
            # kernel. Ignore all second signals in a worker: a process manager may signal the whole
            # group, and so the worker gets one signal from it and one from the supervisor.
            is_ignored = each is signal.SIGHUP or link is not None
            signal.signal(each, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
        stopped.set_result(request)

    for number in numbers:
        loop.add_signal_handler(number, stop, StopRequest(number))
    loop.add_signal_handler(RESTART_SIGNAL, _logger.warning, _NOT_SUPERVISOR)
    if link is not None:
        link.when_released(partial(stop, StopRequest(signal.SIGTERM, is_released=True)))
    return stopped
