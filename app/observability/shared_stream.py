"""A stream to which several processes write whole lines."""

import fcntl
from typing import TextIO


class SharedStream:
    """Writes each text without mixing it with the texts of other processes.

    The kernel keeps a text together only up to ``PIPE_BUF`` (4,096 bytes), which a traceback may
    exceed. Therefore each text is written while this process has a lock. The kernel releases the
    lock if the process dies.

    Args:
        lock: The descriptor of a file that all the processes have inherited.
    """

    def __init__(self, stream: TextIO, lock: int) -> None:
        self._stream = stream
        self._lock = lock

    def write(self, text: str) -> None:
        """Write a text and flush it."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            self._stream.write(text)
            self._stream.flush()
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def flush(self) -> None:
        """Do nothing: `write` flushes."""
