"""The error of a run that the user can fix."""


class BenchError(Exception):
    """The run cannot continue; the text is a sentence for the user."""
