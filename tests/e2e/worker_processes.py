"""Finds the worker processes of a server."""

from pathlib import Path

from tests.e2e.server_process import ServerProcess


def workers_of(server: ServerProcess) -> list[int]:
    """Return the ids of the running workers, in the order of their start."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    try:
        return [int(pid) for pid in children.read_text().split() if is_running(int(pid))]
    except FileNotFoundError:
        return []


def is_running(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
