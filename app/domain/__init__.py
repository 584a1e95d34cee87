"""What the chat means: values, names on the wire, errors. Pydantic and the standard library only."""
