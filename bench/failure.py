"""`BenchError`: the error that ends a run and that the user can fix."""


class BenchError(Exception):
    """The run cannot continue; the text is a sentence for the user."""
