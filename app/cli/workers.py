"""Runs the server as several processes: a supervisor and its workers."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence

from app.adapters.sql.connection.url import parse_database_url, sqlite_file
from app.adapters.system.shared_port import SharedPort
from app.adapters.system.worker_link import Listening, WorkerLink
from app.cli.execution import run_async
from app.cli.program import arguments_of_this_program
from app.cli.supervisor import Supervisor
from app.cli.welcome import welcome
from app.cli.worker_process import WorkerProcess
from app.config.settings import IN_MEMORY, Settings
from app.config.settings_loader import load_settings
from app.main import StartError, bootstrap, listen_errors, prepare_process, start_errors
from app.observability.logging import SharedLog, configure_logging

_EXIT_SECONDS = 5.0
"""The time that a worker has to exit, in addition to ``DRAIN_SECONDS``, before it is killed."""


def run_workers(settings: Settings) -> int:
    """Run ``WEB_CONCURRENCY`` workers until a signal stops them, and return the exit code.

    Raises:
        StartError: The settings do not allow several workers, or the port cannot be used.
        OSError: The system cannot start a process.
    """
    with start_errors():
        _check_settings(settings)
    log_lock = os.memfd_create("log-lock")
    configure_logging(settings.log_level, settings.log_format, SharedLog(log_lock))
    prepare_process(settings)
    with listen_errors(settings):
        port = SharedPort(settings.host, settings.port)
    command = arguments_of_this_program()

    async def start_worker(number: int, sockets: Sequence[socket.socket]) -> WorkerProcess:
        return await WorkerProcess.start(command, number, sockets, log_lock)

    def greet(first: Listening) -> None:
        welcome(settings, first.url, first.seeded)

    supervisor = Supervisor(
        settings.web_concurrency,
        port,
        start_worker,
        greet,
        settings.drain_seconds + _EXIT_SECONDS,
    )
    return asyncio.run(supervisor.run())


def run_worker(number: int, link: int, log_lock: int, listen: Sequence[int]) -> None:
    """Run one worker on inherited descriptors, until it is released or a signal stops it.

    Raises:
        StartError: The worker cannot start.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format, SharedLog(log_lock, number))
    connection = socket.socket(fileno=link)
    sockets = [socket.socket(fileno=each) for each in listen]
    worker_link = WorkerLink(sockets, connection)
    run_async(bootstrap(settings, worker_link.report_listening, worker_link))


def _check_settings(settings: Settings) -> None:
    """Check that several processes can serve one chat with these settings.

    Raises:
        StartError: There is no Redis, or the database is for one process.
    """
    fewer = f"or run one process (WEB_CONCURRENCY=1 instead of {settings.web_concurrency})"
    if settings.redis_url is None:
        raise StartError(
            f"Several workers need Redis, which connects their clients: set REDIS_URL, {fewer}."
        )
    if settings.database_url == IN_MEMORY:
        raise StartError(
            "DATABASE_URL is memory:, which several workers cannot share; "
            f"set it to a PostgreSQL database, {fewer}."
        )
    if sqlite_file(parse_database_url(settings.database_url)) is not None:
        raise StartError(
            "The database is an SQLite file, which only one process may serve; "
            f"set DATABASE_URL to a PostgreSQL database, {fewer}."
        )
    if sys.platform != "linux":
        raise StartError(
            f"Only Linux distributes connections over several workers; use Linux, {fewer}."
        )
