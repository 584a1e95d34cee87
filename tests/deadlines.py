"""How long tests wait at most. A busy machine does not exceed these deadlines."""

ANSWER_SECONDS = 30.0
"""For an answer, an event, or the end of a connection.

It is shorter than the 45 s after which the server closes a silent connection.
"""

PROCESS_SECONDS = 300.0
"""For a program to start, to stop, or to finish."""
