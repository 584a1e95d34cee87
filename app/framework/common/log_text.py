"""`log_text`: makes text from a client safe to log."""

MAX_CHARS = 100


def log_text(value: object) -> str:
    """Return the first `MAX_CHARS` characters of the value's text as printable ASCII."""
    text = str(value)
    shown = text[:MAX_CHARS].encode("ascii", "backslashreplace").decode()
    printable = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in shown)
    return printable if len(text) <= MAX_CHARS else f"{printable}..."
