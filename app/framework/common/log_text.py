"""Makes what a client sent fit for a log line."""

MAX_CHARS = 100


def log_text(value: object) -> str:
    """The value as printable ASCII, `MAX_CHARS` of it at most."""
    text = str(value)
    shown = text[:MAX_CHARS].encode("ascii", "backslashreplace").decode()
    printable = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in shown)
    return printable if len(text) <= MAX_CHARS else f"{printable}..."
