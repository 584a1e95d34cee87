"""What the chat means: values, names on the wire, errors. Standard library and pydantic."""
