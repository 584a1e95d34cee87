"""How long tests wait at most. Nothing here is reached because the machine is busy."""

ANSWER_SECONDS = 30.0
"""For an answer, an event, or the end of a connection.

It is shorter than the 45 s after which the server ends a silent connection in any case.
"""

PROCESS_SECONDS = 300.0
"""For a program to start, to stop, or to do all of its work."""
