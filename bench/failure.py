"""What a person at the terminal can mend."""


class BenchError(Exception):
    """The run cannot go on; the text is a sentence."""
