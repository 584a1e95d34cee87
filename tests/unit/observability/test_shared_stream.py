import os
import subprocess
import sys

WRITERS = 4
LINES = 200
LENGTH = 20_000
"""The length of a line: more than ``PIPE_BUF``, and not a divisor of the size of a pipe."""

WRITER = """
import sys
from app.observability.shared_stream import SharedStream

letter, lines, length, lock = sys.argv[1], *map(int, sys.argv[2:])
stream = SharedStream(sys.stderr, lock)
for _ in range(lines):
    stream.write(letter * length + "\\n")
"""


def test_lines_of_several_processes_are_whole_when_they_are_long() -> None:
    lock = os.memfd_create("lock")
    reader, writer = os.pipe()
    sizes = (str(LINES), str(LENGTH), str(lock))

    writers = [
        subprocess.Popen(  # noqa: S603 - the test's own program
            [sys.executable, "-c", WRITER, chr(ord("a") + number), *sizes],
            stderr=writer,
            pass_fds=[lock],
        )
        for number in range(WRITERS)
    ]
    os.close(writer)
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    codes = [each.wait() for each in writers]
    os.close(lock)

    assert [0] * WRITERS == codes
    assert WRITERS * LINES == len(lines)
    assert {LENGTH} == {len(line) for line in lines}
    assert {1} == {len(set(line)) for line in lines}
