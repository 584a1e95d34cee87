"""The services of the chat. Each module directly in this package is one use case."""
