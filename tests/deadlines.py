"""The maximum times that tests wait. Even a busy machine does not exceed these deadlines."""

ANSWER_SECONDS = 30.0
"""The deadline for an answer, an event, or the end of a connection.

The deadline is shorter than the 45 s after which the server closes a silent connection.
"""

PROCESS_SECONDS = 300.0
"""The deadline for starting, stopping or finishing a program."""
